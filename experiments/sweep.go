package experiments

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dyno/bench/fleet"
)

// sweep is a plan that is being measured, by one crew or several at once. Blocks are
// handed out whole: what is compared within a block was measured on the same machines.
type sweep struct {
	plan *Plan

	mu     sync.Mutex
	change *sync.Cond // of what follows
	store  *store
	tally  Tally
	state  []state // of the plan's trials
	again  [][]string
	owners map[int]*crew // of blocks
	crews  int           // that work
	done   int           // trials
	told   int           // trials that the last progress counted
}

// state is how far a trial is.
type state int

const (
	waiting state = iota
	running
	finished
)

// awayError says that machines cannot be reached at all.
type awayError struct{ error }

func (e awayError) Unwrap() error { return e.error }

func away(err error) bool { return errors.As(err, new(awayError)) }

func newSweep(p *Plan, st *store) *sweep {
	s := &sweep{
		plan: p, store: st, state: make([]state, len(p.Trials)), again: make([][]string, len(p.Trials)), owners: make(map[int]*crew), told: -1,
	}
	s.change = sync.NewCond(&s.mu)
	for i := range p.Trials {
		if done := st.reuse(&p.Trials[i]); done != nil && p.proper(done) {
			s.tally.Reused++
			s.tally.Count(p, done)
			s.state[i] = finished
			s.done++
		}
	}
	return s
}

// work has a runner's crews measure all that is left.
func (s *sweep) work(ctx context.Context, r *Runner) error {
	sets, err := r.Machines.Split(max(1, r.Sets))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, s.wake)()
	s.crews = len(sets)
	var all sync.WaitGroup
	var failed sync.Once
	crews := make([]*crew, len(sets))
	for i, set := range sets {
		c := &crew{Runner: *r, sweep: s}
		if c.Machines = set; len(sets) > 1 {
			c.number = i + 1
		}
		crews[i] = c
	}
	s.claim(crews)
	for _, c := range crews {
		all.Go(func() {
			if crewErr := c.work(ctx); crewErr != nil {
				failed.Do(func() { err = crewErr })
				cancel()
			}
		})
	}
	all.Wait()
	if err == nil && s.told != s.done {
		r.progress(Progress{Plan: s.plan, Done: s.done})
	}
	return err
}

// claim gives blocks that an earlier run has begun to the sets that began them.
func (s *sweep) claim(crews []*crew) {
	begun := make(map[int]bool)
	for i, how := range s.state {
		if how == finished {
			begun[s.plan.Trials[i].Block] = true
		}
	}
	for _, n := range s.store.run.Blocks {
		if begun[n.Block] && 0 < n.Set && n.Set <= len(crews) {
			s.owners[n.Block] = crews[n.Set-1]
		}
	}
}

func (s *sweep) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change.Broadcast()
}

// work measures trials until none is left, or the machines do not come back and others
// are there to go on.
func (c *crew) work(ctx context.Context) error {
	for {
		i := c.take(ctx)
		if i < 0 {
			break
		}
		err := c.measureTogether(ctx, i)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || !c.handBack(i, err) {
			return err
		}
		if !away(err) {
			err = c.Machines.Connect(ctx)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return c.leave(err)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeBlock(ctx)
	return nil
}

// take chooses a trial for a crew: of its block, or of one that nobody has begun. It
// waits while others might give theirs back; less than 0: there is none.
func (c *crew) take(ctx context.Context) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ctx.Err() == nil && c.done < len(c.state) {
		if i := c.choose(); i >= 0 {
			c.state[i], c.owners[c.plan.Trials[i].Block] = running, c
			if c.told != c.done {
				c.progress(Progress{Plan: c.plan, Done: c.done, Next: &c.plan.Trials[i], Left: c.remaining()})
			}
			return i
		}
		c.change.Wait()
	}
	return -1
}

func (c *crew) choose() int {
	free := -1
	for i, s := range c.state {
		if s != waiting {
			continue
		}
		switch owner := c.owners[c.plan.Trials[i].Block]; {
		case owner == c:
			return i
		case owner == nil && free < 0:
			free = i
		}
	}
	return free
}

// remaining is how long all of it should still take.
func (s *sweep) remaining() time.Duration {
	return s.plan.Estimate(s.done) / time.Duration(max(1, s.crews))
}

// handBack gives up a trial whose machines failed: others may measure it, or these when
// they are back.
func (c *crew) handBack(i int, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case away(err): // it had not begun
	case fleet.Lost(err):
		c.again[i] = append(c.again[i], err.Error())
	default:
		return false
	}
	c.state[i] = waiting
	return true
}

// leave is the end of a crew whose machines are gone.
func (c *crew) leave(why error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crews--; c.crews == 0 {
		return why
	}
	for block, owner := range c.owners {
		if owner == c {
			delete(c.owners, block)
		}
	}
	c.change.Broadcast()
	c.progress(Progress{Plan: c.plan, Note: fmt.Sprintf("set %d of machines (%s) is given up, the others go on: %v", c.number,
		strings.Join(c.Machines.Names(), ", "), why)})
	return nil
}

// together is how many controls of a quick run are measured at once: nothing is drawn
// from them. On two cores one of 275 was not found out beside six others and had to be
// measured again; of eleven at once two of 50, of fourteen five of 50, which takes longer.
const together = 7

// measureTogether measures a trial, and where it is a control of a quick run on this
// machine all others of its block, some at once.
func (c *crew) measureTogether(ctx context.Context, i int) error {
	if err := c.enter(ctx, &c.plan.Trials[i]); err != nil {
		return err
	}
	all := append([]int{i}, c.beside(i)...)
	c.beset, c.crowd = len(all) > 1, new(sync.RWMutex)
	measuring, ctx := errgroup.WithContext(ctx)
	measuring.SetLimit(together)
	for _, k := range all {
		one := *c
		measuring.Go(func() error { return one.measureNext(ctx, k) })
	}
	return measuring.Wait()
}

// beside takes the controls of the block at hand that can be measured beside a trial.
func (c *crew) beside(i int) (others []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	free := func(k int) bool {
		t := &c.plan.Trials[k]
		return c.Machines == nil && t.Block == c.block && c.plan.besides(t.Cell)
	}
	for k, s := range c.state {
		if s == waiting && free(i) && free(k) {
			c.state[k] = running
			others = append(others, k)
		}
	}
	return others
}

// measureNext measures a trial, or takes it as it is stored, and counts it.
func (c *crew) measureNext(ctx context.Context, i int) error {
	done, bundle, err := c.next(ctx, i)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.Count(c.plan, done)
	c.state[i] = finished
	c.done++
	u := Progress{Plan: c.plan, Done: c.done, Last: done, Bundle: bundle, Left: c.remaining()}
	for k := range c.state {
		if c.state[k] != finished {
			u.Next = &c.plan.Trials[k]
			break
		}
	}
	c.progress(u)
	c.told = c.done
	c.change.Broadcast()
	return nil
}
