package experiments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"dyno/internal/record"
)

// crew is a set of machines, or this one, that measures trials of a sweep one after
// another.
type crew struct {
	Runner
	*sweep
	number int           // from 1; 0: there is no other
	block  int           // at hand; 0: none yet
	noise  int           // where it stands among the run's blocks
	beset  bool          // other controls are measured meanwhile
	crowd  *sync.RWMutex // of those controls: many measure at once, or one alone
}

// next returns the trial at an index: the stored one, or a new measurement, stored
// before it returns.
func (c *crew) next(ctx context.Context, i int) (*record.Trial, string, error) {
	p, t := c.plan, &c.plan.Trials[i]
	c.mu.Lock()
	stored, at := c.store.reuse(t), c.done
	rejected := append(c.store.failed(t), c.again[i]...)
	c.lostIsFinal = c.crews < 2 || len(c.again[i]) >= attempts-1
	if stored != nil {
		c.tally.Reused++
	}
	c.mu.Unlock()
	if stored != nil {
		return stored, "", nil
	}
	enter, leave := c.crowd.RLock, c.crowd.RUnlock
	for left := attempts - 1; ; left-- {
		enter()
		done, bundle, err := c.trial(ctx, p, t, at)
		leave()
		if err != nil {
			return nil, "", err
		}
		done.Binary, done.Rejected = c.store.run.Binary, rejected
		disturbed := c.beset && !done.Absent && !p.proper(done) // perhaps
		if again := disturbed || done.Observation != nil && done.Status() == record.Undetermined; !again || left == 0 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return done, bundle, c.store.append(done)
		}
		c.beset, enter, leave = false, c.crowd.Lock, c.crowd.Unlock
		rejected = append(rejected, cmp.Or(done.Shortcoming(), "not found out beside other controls"))
		c.mu.Lock()
		c.progress(Progress{Plan: p, Done: c.done, Next: t, Left: c.remaining(), Again: rejected})
		c.mu.Unlock()
	}
}

// enter opens the block of a trial that is to be measured, if it is another one.
func (c *crew) enter(ctx context.Context, t *Trial) error {
	c.mu.Lock()
	stored := c.store.reuse(t)
	c.mu.Unlock()
	if stored != nil || c.block == t.Block {
		return nil
	}
	return c.openBlock(ctx, t.Block)
}

// openBlock notes the machine's state before a block, and measures the
// yardsticks right before its first trial.
func (c *crew) openBlock(ctx context.Context, block int) error {
	n := record.Noise{Block: block, Set: c.number, Started: time.Now().UTC()}
	n.LoadBefore, n.StealBefore = noise(ctx)
	if c.Machines != nil {
		err := c.Machines.Connect(ctx) // again, if one was lost
		if err == nil {
			n.Trips, err = c.Machines.Trips(ctx)
		}
		if err != nil {
			return awayError{err}
		}
	}
	if c.Yardsticks != nil && c.number == 0 { // beside others' trials it would not be quiet
		bundle := filepath.Join(c.Out, "results", "raw", fmt.Sprintf("%s-b%02d-yardsticks", c.plan.Name, block))
		y, err := c.Yardsticks(ctx, bundle, yardstickLength)
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeBlock(ctx)
	run := c.store.run
	c.block, c.noise = block, len(run.Blocks)
	run.Blocks = append(run.Blocks, n)
	return c.store.describe()
}

// closeBlock notes the machine's state after the block at hand.
func (c *crew) closeBlock(ctx context.Context) {
	if c.block > 0 {
		n := &c.store.run.Blocks[c.noise]
		n.LoadAfter, n.StealAfter = noise(ctx)
	}
}
