package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Hunt looks for a seed whose faults make a scenario fail.
type Hunt struct {
	Scenario Scenario
	Config   Config  // Seed and Faults are the hunt's to set
	Profile  Profile // what schedules are drawn from

	// Sometimes names situations that the seeds must reach, all together; see
	// [Env.Sometimes]. A hunt that meets one of them never has proved nothing
	// about it, and fails.
	Sometimes []string

	Seeds   int    // how many to try; required
	First   uint64 // the first one
	Workers int    // goroutines; 0 means one per processor

	ShrinkRuns int // runs spent on shrinking; 0 means 1,000
	// Same says whether a smaller schedule's error is the failure that was
	// found. Nil means: both or none is a LimitError, and the same for a
	// PanicError.
	Same func(found, candidate error) bool
	// Replay returns the command that runs one seed again, for the message.
	Replay func(seed uint64) string
}

// Run tries the seeds on several goroutines, each world on one of them. It
// returns the failure of the lowest seed that fails, nil if none does: the
// same whatever the number of workers. The error says that the hunt itself
// went wrong: a configuration, a scenario that does not repeat, or ctx.
func (h Hunt) Run(ctx context.Context) (*Failure, error) {
	s, err := h.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	return s.Failure, nil
}

// Sweep is Run, and says what the seeds met. Its error names the situations
// that none of them did.
func (h Hunt) Sweep(ctx context.Context) (*Sweep, error) {
	if h.Scenario == nil || h.Seeds <= 0 || h.Workers < 0 || h.ShrinkRuns < 0 {
		return nil, misused("a Hunt needs a Scenario and Seeds above 0; Workers = %d and ShrinkRuns = %d must not be negative", h.Workers,
			h.ShrinkRuns)
	}
	if _, err := h.Profile.withDefaults(); err != nil {
		return nil, err
	}
	sweep, found, err := h.search(ctx)
	if err != nil {
		return nil, err
	}
	if found == nil {
		if missing := sweep.missing(h.Sometimes); len(missing) > 0 {
			return nil, fmt.Errorf("sim: %d seeds never reached: %s", sweep.Seeds, strings.Join(missing, "; "))
		}
		return sweep, nil
	}
	sweep.Failure, err = h.understand(ctx, found)
	return sweep, err
}

// understand makes a failure of what was found.
func (h Hunt) understand(ctx context.Context, found *Outcome) (*Failure, error) {
	if misuse := (*misuseError)(nil); errors.As(found.Err, &misuse) {
		return nil, fmt.Errorf("seed %d: %w", found.Seed, found.Err)
	}
	cfg := h.config(found.Seed, found.Faults)
	if err := Repeatable(cfg, h.Scenario); err != nil {
		return nil, err
	}
	if again := Run(cfg, h.Scenario); fmt.Sprint(again.Err) != fmt.Sprint(found.Err) {
		return nil, fmt.Errorf("sim: seed %d failed with %v, and then with %v: the scenario depends on more than its world", found.Seed,
			found.Err, again.Err)
	}
	return h.shrink(ctx, found)
}

// Try plays one seed with a trace, as the command from Replay should.
func (h Hunt) Try(seed uint64) Outcome {
	faults, err := Generate(seed, h.Profile)
	if err != nil {
		return Outcome{Seed: seed, Err: err}
	}
	return h.Play(seed, faults)
}

// Play plays one seed with a trace, and with faults of the caller's choice,
// such as those of a Failure.
func (h Hunt) Play(seed uint64, faults Schedule) Outcome {
	cfg := h.config(seed, faults)
	cfg.Trace, cfg.Record = true, true
	return Run(cfg, h.Scenario)
}

func (h Hunt) config(seed uint64, faults Schedule) Config {
	cfg := h.Config
	cfg.Seed, cfg.Faults = seed, faults
	return cfg
}

// search returns the outcome of the lowest seed that fails.
func (h Hunt) search(ctx context.Context) (*Sweep, *Outcome, error) {
	s := searcher{hunt: h, ctx: ctx, bound: h.Seeds, sweep: Sweep{Reached: map[string]int{}, Syncs: map[string]int{}}}
	var wg sync.WaitGroup
	for range min(cmp.Or(h.Workers, runtime.GOMAXPROCS(0)), h.Seeds) {
		wg.Go(s.work)
	}
	wg.Wait()
	if s.err != nil {
		return nil, nil, s.err
	}
	return &s.sweep, s.found, ctx.Err()
}

// searcher hands out the seeds in order, so that when all workers have come
// back every seed below one that failed has been tried.
type searcher struct {
	hunt Hunt
	ctx  context.Context

	mu    sync.Mutex
	next  int // the first seed not handed out, counted from 0
	bound int // no seed from here on is needed
	found *Outcome
	sweep Sweep
	err   error
}

func (s *searcher) work() {
	returned := false
	defer func() { // runs also when the scenario ends its goroutine
		if !returned {
			s.settle(0, Outcome{}, misused("the scenario ended its goroutine, as t.FailNow does: it must return an error"))
		}
	}()
	for {
		i, ok := s.take()
		if !ok {
			returned = true
			return
		}
		seed := s.hunt.First + uint64(i)
		faults, err := Generate(seed, s.hunt.Profile)
		if err != nil {
			s.settle(0, Outcome{}, err)
			continue
		}
		s.settle(i, Run(s.hunt.config(seed, faults), s.hunt.Scenario), nil)
	}
}

func (s *searcher) take() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= s.bound || s.err != nil || s.ctx.Err() != nil {
		return 0, false
	}
	s.next++
	return s.next - 1, true
}

func (s *searcher) settle(i int, out Outcome, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = cmp.Or(s.err, err)
	}
	if err == nil {
		s.sweep.add(&out)
	}
	if out.Err != nil && i < s.bound {
		s.bound, s.found = i, &out
	}
}

// shrink makes a failure of what was found.
func (h Hunt) shrink(ctx context.Context, found *Outcome) (*Failure, error) {
	same := h.Same
	if same == nil {
		same = sameClass
	}
	sh := Shrink(found.Faults, func(s Schedule) error {
		if ctx.Err() != nil {
			return nil
		}
		err := Run(h.config(found.Seed, s), h.Scenario).Err
		if err == nil || !same(found.Err, err) {
			return nil
		}
		return err
	}, cmp.Or(h.ShrinkRuns, 1000))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &Failure{Seed: found.Seed, Original: found.Faults, OriginalErr: found.Err, Shrunk: sh}
	played := h.Play(f.Seed, sh.Faults)
	f.Trace, f.Record = played.Trace, played.Record
	if h.Replay != nil {
		f.Replay = h.Replay(f.Seed)
	}
	return f, h.draw(ctx, f)
}

// sameClass tells violations, limits, panics and misuse apart.
func sameClass(a, b error) bool {
	class := func(err error) int {
		switch {
		case errors.As(err, new(*LimitError)):
			return 1
		case errors.As(err, new(*PanicError)):
			return 2
		case errors.As(err, new(*misuseError)):
			return 3
		}
		return 0
	}
	return class(a) == class(b)
}

func (w *World) countSync(purpose string) {
	if w.syncs == nil {
		w.syncs = map[string]int{}
	}
	w.syncs[purpose]++
}

// Weaken makes the syncs for each purpose in turn lie, and hunts for what that
// breaks: a sync that nobody misses is either not needed, or not tested. It
// returns what was found by purpose. Its error names the purposes that nothing
// depends on, those of sparing excepted; and it is an error when the hunt finds
// something though no sync lies.
func (h Hunt) Weaken(ctx context.Context, sparing ...string) (map[string]*Failure, error) {
	honest, err := h.Sweep(ctx)
	switch {
	case err != nil:
		return nil, err
	case honest.Failure != nil:
		return nil, fmt.Errorf("sim: it fails though no sync lies:\n%s", honest.Failure)
	case len(honest.Syncs) == 0:
		return nil, misused("no node syncs for a purpose: call Disk.SyncFor")
	}
	found := make(map[string]*Failure)
	var unnoticed []string
	for _, purpose := range slices.Sorted(maps.Keys(honest.Syncs)) {
		weak := h
		weak.Config.Weaken, weak.Sometimes = purpose, nil
		s, err := weak.Sweep(ctx)
		if err != nil {
			return nil, err
		}
		if s.Failure != nil {
			found[purpose] = s.Failure
		} else if !slices.Contains(sparing, purpose) {
			unnoticed = append(unnoticed, purpose)
		}
	}
	if len(unnoticed) > 0 {
		return found, fmt.Errorf("sim: in %d seeds nothing depends on the syncs for: %s", h.Seeds, strings.Join(unnoticed, "; "))
	}
	return found, nil
}
