package experiments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dyno/bench/fleet"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// A trial that takes this much longer than planned is hung: it is stopped and
// stored as an error.
const patience = 60 * time.Second

// A trial whose verdict is unknown is measured up to this often in all: on a
// busy machine the proof of the conditions fails, not that of the answers. Each
// attempt is counted in the stored trial. An invalid verdict is final.
const attempts = 3

var (
	errHung  = errors.New("the trial hung")
	errStuck = errors.New("the trial hung, and did not return when its time was over")
)

// Runner runs plans and stores what comes out.
type Runner struct {
	Out     string   // folder of results/; whoever runs holds its [Lock]
	Typed   string   // how the folder was typed, for run.json; empty: the repository
	Command []string // as typed, for run.json
	Fresh   bool     // throw away what is stored of the experiment, whatever it is
	Profile bool     // keep CPU and heap profiles of every process, and its logs
	Report  func(Progress)
	Watch   func(Sample) // told of the trial at hand, twice a second or as often as load.LiveIn says; nil: nobody looks on
	Live    bool         // generators tell meanwhile what they do, which costs them a little
	Impl    systems.Impl // of a replay: these in place of the stored ones; empty: as stored

	// Machines run the roles, instead of this one; nil: none do.
	Machines *fleet.Fleet
	// Sets is into how many disjoint sets the machines are split, which measure blocks at
	// once; 0: one.
	Sets int

	// Yardsticks measures the yardsticks for about a length, and leaves logs in
	// a folder. It is called right before each block; an error ends the run. Nil:
	// none are measured.
	Yardsticks func(ctx context.Context, dir string, length time.Duration) (*record.Yardsticks, error)

	patience    time.Duration // for tests; 0: patience
	lostIsFinal bool          // a trial whose machine is lost is stored as that
}

// Progress is told after each trial, and before the first.
type Progress struct {
	Plan    *Plan
	Done    int // trials of this plan
	Next    *Trial
	Last    *record.Trial // nil before the first
	Bundle  string        // where the logs of a failed last trial are
	Left    time.Duration // estimate
	Again   []string      // the next trial is measured again: why earlier attempts proved nothing
	Message string        // a line from the running trial; the rest is as before
	Note    string        // about what is stored, or what is waited for; nothing else is told
}

// Run measures every trial of a plan that is not measured yet. When the context
// ends, the trial at hand is given up, what was finished stays for the next
// run, and the context's error is returned.
func (r *Runner) Run(ctx context.Context, p *Plan) (tally Tally, err error) {
	run, err := r.describe(ctx, p)
	if err != nil {
		return tally, err
	}
	st, err := openStore(r.Out, run, r.Fresh, p.seed)
	if err != nil {
		return tally, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	for _, note := range st.notes {
		r.progress(Progress{Plan: p, Note: note})
	}
	missing, err := st.prepare(p)
	if err != nil {
		return tally, err
	}
	if stored := len(p.Trials) - missing; stored > 0 {
		r.progress(Progress{Plan: p, Note: fmt.Sprintf("%d of %d trials are stored: reused", stored, len(p.Trials))})
	}
	forget := rival.Keep()
	defer func() { err = errors.Join(err, forget()) }()
	p.Away = r.Machines != nil
	s := newSweep(p, st)
	if err := s.work(ctx, r); err != nil || run.Finished != nil { // or nothing was missing
		return s.tally, err
	}
	run.Finished = new(time.Now().UTC())
	return s.tally, st.describe()
}

func (r *Runner) progress(p Progress) {
	if r.Report != nil {
		r.Report(p)
	}
}

// describe collects what run.json says before the first trial.
func (r *Runner) describe(ctx context.Context, p *Plan) (*record.Run, error) {
	sum, err := binary()
	if err != nil {
		return nil, fmt.Errorf("read own binary: %w", err)
	}
	run := p.Header()
	run.Command, run.Binary, run.Out = r.Command, stamp(sum, p.Impl), r.Typed
	run.Started, run.Environment = time.Now().UTC(), Surroundings()
	if r.Machines != nil {
		if err := r.Machines.Connect(ctx); err != nil {
			return nil, err
		}
		run.Binary, run.Environment.Machines = r.Machines.Stamp(run.Binary, p.Placement, r.Sets), r.Machines.Describe()
	}
	return &run, nil
}
