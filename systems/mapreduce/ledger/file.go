package ledger

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"syscall"
)

// File tells one file from another, and one content from another.
type File struct {
	Bytes    int64  `json:"bytes"`
	Checksum uint32 `json:"crc32c"`
	Inode    uint64 `json:"inode"`
}

// InodeOf is the number by which the file system knows a file; 0 if it does not
// say.
func InodeOf(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

// EachLine calls f for each line of an output file.
func EachLine(name string, f func(string)) error {
	_, err := ReadFile(name, f)
	return err
}

// ReadFile is [readLines], and says which file that was and what was in it.
func ReadFile(name string, f func(string)) (seen File, err error) {
	file, err := os.Open(name)
	if err != nil {
		return seen, fmt.Errorf("output: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return seen, fmt.Errorf("output: %w", err)
	}
	seen.Inode = InodeOf(info)
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	r := bufio.NewReaderSize(io.TeeReader(file, sum), 1<<20)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF && line == "" {
			seen.Checksum = sum.Sum32()
			return seen, nil
		}
		if err != nil { // a last line without its end is one that was cut
			return seen, fmt.Errorf("output %s: %w", name, err)
		}
		seen.Bytes += int64(len(line))
		f(strings.TrimSuffix(line, "\n"))
	}
}
