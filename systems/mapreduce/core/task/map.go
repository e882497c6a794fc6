package task

import (
	"context"

	"dyno/systems/mapreduce/core/job"
)

// DefaultMemoryBytes is the budget of a task.
const DefaultMemoryBytes = 64 << 20

// Map is one map task.
type Map struct {
	Job     string      // the job's id, in the names of the runs
	Program job.Program // made for this task alone
	Task    int         // its number, from 0
	Attempt int         // makes temporary names of attempts different
	Split   Split
	Reduces int    // how many runs it leaves, at least 1
	Dir     string // where it leaves them; "" is the current directory
	Memory  int64  // budget of tables and buffers, in bytes; 0: DefaultMemoryBytes
	Skip    []Record
	Sync    bool // make the runs durable before they are reported: a resumed job relies on them

	// Pace, if set, is called after each block of input with the number of
	// bytes mapped so far: to show progress, or to slow the task down. Its
	// error ends the task.
	Pace func(ctx context.Context, done int64) error

	Workspace *Workspace // memory kept from task to task; nil: made for this one
}

// Mapped is what a map task reports.
type Mapped struct {
	Runs     []Run // one per reduce task
	Counters Counters
}

// Run is a file of sorted pairs for one reduce task.
type Run struct {
	Name  string // within Dir
	Bytes int64
}

// Run maps the split and leaves Reduces runs in Dir under [RunName], each
// complete or not there at all. It returns a *Crash when the user's function
// panics on a record that is not in Skip, the context's error soon after it
// ends, or the disk's error; on any error it leaves no file behind.
func (m Map) Run(ctx context.Context, disk Disk) (Mapped, error) {
	return m.run(ctx, disk)
}
