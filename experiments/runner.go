package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dyno/bench/fleet"
	"dyno/bench/process"
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

var errHung = errors.New("the trial hung")

// Runner runs plans and stores what comes out.
type Runner struct {
	Out     string   // folder of results/; whoever runs holds its [Lock]
	Typed   string   // how the folder was typed, for run.json; empty: the repository
	Command []string // as typed, for run.json
	Fresh   bool     // throw away what is stored of the experiment, whatever it is
	Profile bool     // keep CPU and heap profiles of every process, and its logs
	Report  func(Progress)
	Watch   func(Sample) // told of the trial at hand twice a second; nil: nobody looks on
	Live    bool         // generators tell meanwhile what they do, which costs them a little
	Impl    systems.Impl // of a replay: these in place of the stored ones; empty: as stored

	// Machines run the roles, instead of this one; nil: none do.
	Machines *fleet.Fleet

	// Yardsticks measures the yardsticks for about a length, and leaves logs in
	// a folder. It is called right before each block; an error ends the run. Nil:
	// none are measured.
	Yardsticks func(ctx context.Context, dir string, length time.Duration) (*record.Yardsticks, error)

	patience time.Duration // for tests; 0: patience
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
	Note    string        // about what is stored; nothing else is told
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
	told := 0 // trials that the last progress counted
	for i := range p.Trials {
		if done := st.reuse(&p.Trials[i]); done != nil && p.proper(done) {
			tally.Reused++
			tally.Count(p, done)
			continue
		}
		if told != i || i == 0 {
			r.progress(Progress{Plan: p, Done: i, Next: &p.Trials[i], Left: p.Estimate(i)})
		}
		done, bundle, err := r.next(ctx, p, st, i, &tally)
		if err != nil {
			return tally, err
		}
		tally.Count(p, done)
		u := Progress{Plan: p, Done: i + 1, Last: done, Bundle: bundle, Left: p.Estimate(i + 1)}
		if i+1 < len(p.Trials) {
			u.Next = &p.Trials[i+1]
		}
		r.progress(u)
		told = i + 1
	}
	if told != len(p.Trials) {
		r.progress(Progress{Plan: p, Done: len(p.Trials)})
	}
	if run.Finished != nil {
		return tally, nil // nothing was missing
	}
	st.closeBlock(ctx)
	run.Finished = new(time.Now().UTC())
	return tally, st.describe()
}

// next returns the trial at an index: the stored one, or a new measurement,
// stored before it returns.
func (r *Runner) next(ctx context.Context, p *Plan, st *store, i int, tally *Tally) (*record.Trial, string, error) {
	t := &p.Trials[i]
	if done := st.reuse(t); done != nil {
		tally.Reused++
		return done, "", nil
	}
	if st.block != t.Block {
		if err := r.openBlock(ctx, p, st, t.Block); err != nil {
			return nil, "", err
		}
	}
	rejected := st.failed(t)
	for left := attempts - 1; ; left-- {
		done, bundle, err := r.trial(ctx, p, t, i)
		if err != nil {
			return nil, "", err
		}
		done.Binary, done.Rejected = st.run.Binary, rejected
		if again := done.Observation != nil && done.Status() == record.Undetermined; !again || left == 0 {
			return done, bundle, st.append(done)
		}
		rejected = append(rejected, strings.Join(done.Observation.Verdict.Reasons(), "; "))
		r.progress(Progress{Plan: p, Done: i, Next: t, Left: p.Estimate(i), Again: rejected})
	}
}

func (r *Runner) progress(p Progress) {
	if r.Report != nil {
		r.Report(p)
	}
}

// describe collects what run.json says before the first trial.
func (r *Runner) describe(ctx context.Context, p *Plan) (*record.Run, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	slim := process.Slim()
	sum, err := fingerprint(exe, slim)
	if err != nil {
		return nil, fmt.Errorf("read own binary: %w", err)
	}
	run := p.Header()
	run.Command, run.Binary, run.Out = r.Command, stamp(sum, p.Impl), r.Typed
	run.Started, run.Environment = time.Now().UTC(), environment(ctx)
	run.Environment.Roles = linked(slim)
	if r.Machines != nil {
		if err := r.Machines.Connect(ctx); err != nil {
			return nil, err
		}
		run.Binary, run.Environment.Machines = r.Machines.Stamp(run.Binary, p.Placement), r.Machines.Describe()
	}
	return &run, nil
}

// openBlock notes the machine's state before a block, and measures the
// yardsticks right before its first trial.
func (r *Runner) openBlock(ctx context.Context, p *Plan, st *store, block int) error {
	st.closeBlock(ctx)
	n := record.Noise{Block: block, Started: time.Now().UTC()}
	n.LoadBefore, n.StealBefore = noise(ctx)
	if r.Machines != nil {
		err := r.Machines.Connect(ctx) // again, if one was lost
		if err == nil {
			n.Trips, err = r.Machines.Trips(ctx)
		}
		if err != nil {
			return err
		}
	}
	if r.Yardsticks != nil {
		bundle := filepath.Join(r.Out, "results", "raw", fmt.Sprintf("%s-b%02d-yardsticks", p.Name, block))
		y, err := r.Yardsticks(ctx, bundle, p.yardstick())
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), os.RemoveAll(bundle))
		}
		if err != nil {
			return fmt.Errorf("the yardsticks of block %d: %w; logs in %s", block, err, bundle)
		}
		if err := os.RemoveAll(bundle); err != nil {
			return err
		}
		n.Yardsticks = y
	}
	st.run.Blocks, st.block = append(st.run.Blocks, n), block
	return st.describe()
}

// closeBlock notes the machine's state after the last block that was begun.
func (s *store) closeBlock(ctx context.Context) {
	if n := len(s.run.Blocks); s.block > 0 {
		s.run.Blocks[n-1].LoadAfter, s.run.Blocks[n-1].StealAfter = noise(ctx)
	}
}
