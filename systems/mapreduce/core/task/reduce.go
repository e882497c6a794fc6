package task

import (
	"context"
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

	// Pace, if set, is called now and then with the number of bytes of runs
	// read so far: to show progress, or to slow the task down. Its error ends
	// the task.
	Pace func(ctx context.Context, done int64) error
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
