package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// Bounds on what a process may write.
const (
	maxOutput = 64 << 20  // standard output
	logHead   = 1 << 20   // beginning of a log
	logTail   = 256 << 10 // end of a log
)

// output keeps the first bytes that are written to it and counts the rest: a
// process that writes too much is told so afterwards, not blocked.
type output struct {
	limit int
	buf   bytes.Buffer
	cut   int64
}

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	n := min(len(p), o.limit-o.buf.Len())
	o.buf.Write(p[:n])
	o.cut += int64(len(p) - n)
	return len(p), nil
}

// logFile writes the first bytes to its file at once, so that they are there
// whatever happens, and keeps the last ones in memory until it is closed. What
// lies between is left out and counted.
type logFile struct {
	path       string
	head, tail int

	mu    sync.Mutex
	file  *os.File
	total int64
	last  []byte // the end of all that was written, up to twice the tail
	err   error  // the first error of the file
}

func newLogFile(path string, head, tail int) (*logFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return &logFile{path: path, head: head, tail: tail, file: f}, nil
}

// reopen goes on with a log that was closed. The end that Close has written
// gives way to what comes: it is kept in memory.
func (l *logFile) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	begun := min(l.total, int64(l.head))
	if err = f.Truncate(begun); err == nil {
		_, err = f.Seek(begun, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("log: %w", errors.Join(err, f.Close()))
	}
	l.file, l.err = f, nil
	return nil
}

// Write never fails: a full disk must not block or kill the process that
// logs. Close returns the first error.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := int64(l.head) - l.total; room > 0 {
		l.store(p[:min(room, int64(len(p)))])
	}
	l.total += int64(len(p))
	l.last = append(l.last, p...)
	if len(l.last) > 2*l.tail {
		l.last = l.last[:copy(l.last, l.end())]
	}
	return len(p), nil
}

// Close completes the file with the end of the log.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if more := l.total - int64(l.head); more > 0 {
		end := l.end()
		if left := more - int64(len(end)); left > 0 {
			l.store(fmt.Appendf(nil, "\n[%d bytes left out]\n", left))
		} else {
			end = end[len(end)-int(more):]
		}
		l.store(end)
	}
	if err := l.file.Close(); l.err == nil {
		l.err = err
	}
	return l.err
}

func (l *logFile) store(p []byte) {
	if l.err == nil {
		_, l.err = l.file.Write(p)
	}
}

// end is the end of all that was written, up to the tail's size.
func (l *logFile) end() []byte { return l.last[max(0, len(l.last)-l.tail):] }

// lastLines returns up to n lines from the end, each cut to width bytes.
func (l *logFile) lastLines(n, width int) []string {
	l.mu.Lock()
	text := strings.TrimRight(string(l.end()), "\n")
	l.mu.Unlock()
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		if len(line) > width {
			lines[i] = strings.ToValidUTF8(line[:width], "") + " …"
		}
	}
	return lines
}
