// Package ledger is what a process of a job tells of itself, apart from what the
// master says: what it did, what it has used, and which files it saw.
//
// The master's own ledger says to whom it gave which attempt, and when it heard of
// its end. A worker's ledger is what it did in its own words, line by line as it goes, so
// that a worker that is killed leaves what it had written. The master does not
// see it: a trial holds what the master says against it.
package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dyno/bench/lie"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/core/plan"
)

// The events of a ledger.
const (
	EventHello   = "hello"   // is about to say hello
	EventWelcome = "welcome" // the master has answered
	EventGot     = "got"     // has been given an attempt
	EventMade    = "made"    // has finished it, with what came of it
	EventTold    = "told"    // is about to report it
	EventFailed  = "failed"  // is about to report that it came to nothing
	EventOver    = "over"    // has heard that the job is over
)

// Line is one line of a ledger.
type Line struct {
	At      int64      `json:"at"` // nanoseconds since 1970
	Event   string     `json:"event"`
	Attempt uint64     `json:"attempt,omitempty"`
	Phase   plan.Phase `json:"phase,omitempty"`
	Task    int32      `json:"task,omitempty"`
	Worker  string     `json:"worker,omitempty"` // who has it, in the master's own
	Made    *Made      `json:"made,omitempty"`
}

// Made is what came of an attempt, as its worker has it.
type Made struct {
	WallNs  int64 `json:"wall_ns"`
	Spilled int64 `json:"spilled,omitempty"`
	Fetched int64 `json:"fetched,omitempty"` // bytes of runs that came from other workers
	Output  *File `json:"output,omitempty"`  // of a reduce task
}

// Writer writes lines; the nil ledger writes none.
type Writer struct {
	mu  sync.Mutex
	Out io.Writer
}

// Write adds a line and dates it.
func (l *Writer) Write(e Line) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.At = time.Now().UnixNano()
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // numbers and words only
	}
	_, _ = l.Out.Write(append(line, '\n')) // who does not read it misses it, and says so
}

// Got notes what the master has given, and to whom.
func (l *Writer) Got(worker string, r *mapreducev1.WorkResponse) {
	switch e := r.GetEvent().(type) {
	case *mapreducev1.WorkResponse_Map:
		l.Write(Line{Event: EventGot, Attempt: e.Map.GetAttempt(), Phase: plan.Map, Task: e.Map.GetTask(), Worker: worker})
	case *mapreducev1.WorkResponse_Reduce:
		l.Write(Line{Event: EventGot, Attempt: e.Reduce.GetAttempt(), Phase: plan.Reduce, Task: e.Reduce.GetTask(), Worker: worker})
	}
}

// Told notes what the master is about to be told.
func (l *Writer) Told(r *mapreducev1.WorkRequest) {
	if d := r.GetDone(); d != nil {
		l.Write(Line{Event: EventTold, Attempt: d.GetAttempt()})
	} else {
		l.Write(Line{Event: EventFailed, Attempt: r.GetFailed().GetAttempt()})
	}
}

// Read reads what a worker wrote. Its last line may be cut short.
func Read(text []byte) (lines []Line) {
	for line := range bytes.Lines(text) {
		var e Line
		if json.Unmarshal(line, &e) == nil {
			lines = append(lines, e)
		}
	}
	return lines
}

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

// OwnUsage is what this process has used so far, as a lie has it. It costs some 10 µs.
func OwnUsage(falsehood string) *mapreducev1.Usage {
	u := &mapreducev1.Usage{PeakRssBytes: PeakRSS("self")}
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		u.CpuNs = r.Utime.Nano() + r.Stime.Nano()
	}
	u.CpuNs = int64(lie.CPU(falsehood, 0, float64(u.CpuNs)))
	return u
}

// PeakRSS is a process's high-water mark, "self" for its own. What getrusage tells is not:
// on Linux it begins with that of the process which started this one. 0 where
// it is not known.
func PeakRSS(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(text), "VmHWM:")
	if !ok {
		return 0
	}
	field, _, _ := strings.Cut(rest, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(field), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
