package plan

import (
	"fmt"
	"time"
)

// Phase says what a task is.
type Phase uint8

// The phases of a job.
const (
	Map Phase = iota
	Reduce
)

// String returns the phase in lower case.
func (p Phase) String() string {
	if p == Map {
		return "map"
	}
	return "reduce"
}

// Task names one task of the job; Index counts from 0 within its phase.
type Task struct {
	Phase Phase
	Index int
}

// String returns for example "map 3".
func (t Task) String() string { return fmt.Sprintf("%v %d", t.Phase, t.Index) }

// Attempt numbers one try at one task. Numbers grow and are never used again,
// also not by the planner of a later life, which starts from [Config].First.
type Attempt uint64

// Config says what a job is made of and how patient its master is.
type Config struct {
	Maps, Reduces int // tasks; at least 0 and 1

	// Survives says that the output of a map task outlives its worker: it lies
	// in a shared folder. Otherwise it is lost with the worker that serves it.
	Survives bool

	Lease   time.Duration // a worker that is silent for longer has its task given to another
	Backups bool          // a task that takes too long is started a second time once none is waiting
	Quiet   time.Duration // silence after which a backup is in order, whatever the task's age
	Slow    float64       // age after which a backup is in order, in median durations of its phase
	MinAge  time.Duration // ... but never before this age

	Failures int // of one task, after which the job is aborted
	Skips    int // records of one task that may be skipped
	Losses   int // of one map task's output, after which the job is aborted

	First Attempt // the number of the first attempt
}

// Input is something that happened: one of the types below.
type Input interface{ input() }

// Join says that a worker has come. Its name is that of one life of one
// process: it is never used again after [Leave].
type Join struct{ Worker string }

// Ask says that a worker is idle and wants a task. Seq grows with each
// question; the same question may come again until it is answered.
type Ask struct {
	Worker string
	Seq    uint64
}

// Beat says that a worker lives.
type Beat struct{ Worker string }

// Done says that a worker has finished an attempt. Result is the shell's own;
// it comes back with the record and in the sources of reduce tasks.
type Done struct {
	Worker  string
	Attempt Attempt
	Result  []byte
}

// Failed says that an attempt came to nothing.
type Failed struct {
	Worker  string
	Attempt Attempt
	Reason  string
	// Record names the piece of the task's input at which the user's function
	// crashed; empty if it did not. Its form is the shell's own.
	Record string
	// Lost are the sources that a reduce task could not read; then the task
	// itself is not to blame.
	Lost []Source
}

// Leave says that a worker is gone for good: its connection is closed.
type Leave struct{ Worker string }

// Tick says that time has passed. Leases and backups need it.
type Tick struct{}

// Staged says that all outputs are on the disk and could move to their places.
type Staged struct{}

func (Staged) input() {}
func (Join) input()   {}
func (Ask) input()    {}
func (Beat) input()   {}
func (Done) input()   {}
func (Failed) input() {}
func (Leave) input()  {}
func (Tick) input()   {}

// Output is something to be done: one of the types below.
type Output interface{ output() }

// Source is the output of a map task as one attempt left it.
type Source struct {
	Map     int
	Attempt Attempt
}

// Assign gives a task to a worker, as the answer to its question Seq.
type Assign struct {
	Worker  string
	Seq     uint64
	Attempt Attempt
	Task    Task
	Backup  bool     // another attempt is under way
	Skip    []string // records to leave out, in the order of their discovery
	Sources []Source // reduce: one per map task, in order; shared, not to be changed
}

// Cancel tells a worker that an attempt is not needed any more.
type Cancel struct {
	Worker  string
	Attempt Attempt
}

// Write is a record for the journal. It need not be durable before what
// follows it is done: see the package comment.
type Write struct{ Record Record }

// Finish says that all tasks are done. It comes once.
type Finish struct{}

// Abort says that the job has failed, and why. It comes once.
type Abort struct{ Reason string }

// Publish says that the outputs may move to their places: from now on a later
// life knows that they may be there.
type Publish struct{}

func (Publish) output() {}
func (Assign) output()  {}
func (Cancel) output()  {}
func (Write) output()   {}
func (Finish) output()  {}
func (Abort) output()   {}

// Kind says what a record is about.
type Kind uint8

// The kinds of records.
const (
	TaskDone Kind = iota + 1 // a task is done; Worker, Attempt and Result say by whom and with what
	MapLost                  // the output of a map task is no longer there
	Skip                     // a record of a task is left out from now on
)

// Record is what a planner's successor must know.
type Record struct {
	Kind    Kind
	Task    Task
	Attempt Attempt
	Worker  string
	Result  []byte
	Record  string
}

// Counters are numbers of events in the life of a planner.
type Counters struct {
	Attempts   int // assigned
	Backups    int // assigned while another attempt was under way
	BackupWins int // of those, finished first
	Reruns     int // tasks that became undone or unassigned again: their worker or its output was lost
	Failures   int // attempts that failed by themselves
	Wasted     int // attempts that others were faster than
	Suspected  int // times a worker's lease ran out
	Left       int // workers that went while the job ran
	LostMaps   int // map outputs that were lost
	Skipped    int // records that are left out
	Resumed    int // tasks that were done already when the planner was made
}
