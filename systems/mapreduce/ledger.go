package mapreduce

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/core/plan"
)

// A worker's ledger is what it did in its own words, line by line as it goes, so
// that a worker that is killed leaves what it had written. The master does not
// see it: a trial holds what the master says against it.

// The events of a ledger.
const (
	eventHello   = "hello"   // is about to say hello
	eventWelcome = "welcome" // the master has answered
	eventGot     = "got"     // has been given an attempt
	eventMade    = "made"    // has finished it, with what came of it
	eventTold    = "told"    // is about to report it
	eventFailed  = "failed"  // is about to report that it came to nothing
	eventOver    = "over"    // has heard that the job is over
)

// entryLine is one line of a ledger.
type entryLine struct {
	At      int64       `json:"at"` // nanoseconds since 1970
	Event   string      `json:"event"`
	Attempt uint64      `json:"attempt,omitempty"`
	Phase   plan.Phase  `json:"phase,omitempty"`
	Task    int32       `json:"task,omitempty"`
	Made    *madeResult `json:"made,omitempty"`
}

// madeResult is what came of an attempt, as its worker has it.
type madeResult struct {
	WallNs  int64     `json:"wall_ns"`
	Spilled int64     `json:"spilled,omitempty"`
	Fetched int64     `json:"fetched,omitempty"` // bytes of runs that came from other workers
	Output  *fileSeen `json:"output,omitempty"`  // of a reduce task
}

// fileSeen tells one file from another, and one content from another.
type fileSeen struct {
	Bytes    int64  `json:"bytes"`
	Checksum uint32 `json:"crc32c"`
	Inode    uint64 `json:"inode"`
}

// ledger writes lines; the nil ledger writes none.
type ledger struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *ledger) write(e entryLine) {
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
	_, _ = l.out.Write(append(line, '\n')) // who does not read it misses it, and says so
}

// got notes what the master has given.
func (l *ledger) got(r *mapreducev1.WorkResponse) {
	switch e := r.GetEvent().(type) {
	case *mapreducev1.WorkResponse_Map:
		l.write(entryLine{Event: eventGot, Attempt: e.Map.GetAttempt(), Phase: plan.Map, Task: e.Map.GetTask()})
	case *mapreducev1.WorkResponse_Reduce:
		l.write(entryLine{Event: eventGot, Attempt: e.Reduce.GetAttempt(), Phase: plan.Reduce, Task: e.Reduce.GetTask()})
	}
}

// told notes what the master is about to be told.
func (l *ledger) told(r *mapreducev1.WorkRequest) {
	if d := r.GetDone(); d != nil {
		l.write(entryLine{Event: eventTold, Attempt: d.GetAttempt()})
	} else {
		l.write(entryLine{Event: eventFailed, Attempt: r.GetFailed().GetAttempt()})
	}
}

// inodeOf is the number by which the file system knows a file; 0 if it does not
// say.
func inodeOf(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

// readLedger reads what a worker wrote. Its last line may be cut short.
func readLedger(text []byte) (lines []entryLine) {
	for line := range bytes.Lines(text) {
		var e entryLine
		if json.Unmarshal(line, &e) == nil {
			lines = append(lines, e)
		}
	}
	return lines
}
