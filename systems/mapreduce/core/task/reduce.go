package task

import (
	"context"
	"fmt"
	"io"

	"dyno/systems/mapreduce/core/job"
)

// Input is a run that a reduce task reads.
type Input struct {
	Map int // the map task that made it
	// Open begins to read it. It is called once or more, and not for all runs
	// at once: see Reduce.FanIn. What it returns is closed.
	Open func(context.Context) (io.ReadCloser, error)
}

// FileInput is a run in a file.
func FileInput(disk Disk, mapTask int, name string) Input {
	return Input{Map: mapTask, Open: func(context.Context) (io.ReadCloser, error) {
		f, err := disk.Open(name)
		if err != nil {
			return nil, err
		}
		return &fileReader{Source: f}, nil
	}}
}

// fileReader reads a source from its beginning.
type fileReader struct {
	Source
	at int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// DefaultFanIn is how many runs are merged at a time: well below the usual
// limit of 1024 file descriptors, also with several tasks in a process.
const DefaultFanIn = 128

// Reduce is one reduce task.
type Reduce struct {
	Job     string      // the job's id
	Program job.Program // made for this task alone
	Task    int         // its number, from 0
	Attempt int         // makes temporary names of attempts different
	Inputs  []Input     // one per map task; the order does not matter
	Scratch string      // folder for runs of merges in between; "" is the current directory
	Out     string      // folder of the output
	Memory  int64       // budget in bytes; 0: DefaultMemoryBytes
	FanIn   int         // how many runs are open at a time, at least 2; 0: DefaultFanIn, fewer if the budget asks for it
	Skip    []Record    // keys to leave out; those of map tasks are ignored
}

// Reduced is what a reduce task reports.
type Reduced struct {
	Counters Counters
	Checksum uint32 // CRC-32C of the output
}

// Run merges the runs, calls Reduce for each key and publishes the output
// under [OutputName] in Out: written under a temporary name, made durable,
// renamed; also when it is empty. Its name is not durable yet: whoever needs
// that syncs Out, once for all tasks. It returns a *Lost when a run cannot be
// used, a *Crash when the user's function panics, the context's error soon
// after it ends, or the disk's error; on any error it leaves no file behind.
func (r Reduce) Run(ctx context.Context, disk Disk) (Reduced, error) {
	return (&reducer{Reduce: r, ctx: ctx, disk: disk}).run()
}

// Counters say what a task did. Those of finished tasks add up to the job's.
type Counters struct {
	InputBytes   int64 // map: bytes of the split
	Pairs        int64 // map: pairs that Map emitted
	Combined     int64 // map: pairs that the combiner joined into others
	Skipped      int64 // records, or keys in a reduce task, left out because they crash the user's function
	SpilledRuns  int64 // runs written beyond the memory budget, and merged again
	RunBytes     int64 // map: bytes left for the reduce tasks; reduce: bytes read
	Keys         int64 // reduce: reduce calls
	OutputLines  int64 // reduce: lines written
	OutputBytes  int64 // reduce: bytes written
	MergePasses  int64 // reduce: passes over the data before the last one
	MemoryBytes  int64 // the most that the task's own buffers and tables held
	LongestBlock int64 // map: the longest block handed to Map, in bytes
}

// Record names the piece of input that crashed a user's function, so that the
// next attempt can leave it out.
type Record struct {
	Offset int64  // map: where it begins in its file
	Length int64  // map: in bytes
	Key    string // reduce: the key
}

// Crash is the error of a task whose user function panicked.
type Crash struct {
	InMap  bool   // in Map or Combine; otherwise in Reduce
	Record Record // the zero Record: no single record does it, so none can be left out
	Reason string // what it panicked with
	Stack  string // where
}

// Error implements error.
func (c *Crash) Error() string {
	switch {
	case c.InMap && c.Record.Length == 0:
		return "the job's Map or Combine crashed, but on no record alone: " + c.Reason
	case c.InMap:
		return fmt.Sprintf("the job's Map crashed on the record at byte %d (%d bytes): %s", c.Record.Offset, c.Record.Length, c.Reason)
	default:
		return fmt.Sprintf("the job's Reduce crashed on key %q: %s", clip(c.Record.Key), c.Reason)
	}
}

// Skippable reports whether the task can go on without the record.
func (c *Crash) Skippable() bool { return !c.InMap || c.Record.Length > 0 }

// clip keeps messages readable.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Lost is the error of a reduce task that cannot use a run: it is damaged, cut
// short, or cannot be read. The map task that made it must run again.
type Lost struct {
	Map    int   // which map task's run
	Offset int64 // where in the run, in bytes
	Err    error
}

// Error implements error.
func (l *Lost) Error() string {
	return fmt.Sprintf("the output of map task %d is lost: at byte %d: %v", l.Map, l.Offset, l.Err)
}

// Unwrap returns the cause.
func (l *Lost) Unwrap() error { return l.Err }
