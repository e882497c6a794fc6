package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"dyno/internal/node"
)

// Life is what a master writes when it begins.
type Life struct {
	Job  string `json:"job"`  // the job's id, the same in all lives
	Boot string `json:"boot"` // of the machine: runs are not synced, so they are worth nothing after another
}

// Past is what the lives before this one have written.
type Past struct {
	Lives     []Life
	Records   []Record
	Published bool // outputs may have moved to where they belong
}

// Core is a [Planner] that remembers, as a core of package node: its records
// are those of the planner and of its lives. Make one with [NewCore].
//
// Assignments and cancellations go out early: to forget that a task is done
// costs its work, and nothing else. What must be remembered first is that a life
// has begun, since the numbers of its attempts come from that; and that outputs
// move to their places, for then it is too late to make them again.
type Core struct {
	begin   func(Past) (Life, Config, []Record)
	past    Past
	planner *Planner
	err     error
}

// NewCore makes one. begin is told, once, what earlier lives have left. It says
// who this life is, how to plan, and which of the records still hold, since
// the files that they speak of may be gone.
func NewCore(begin func(Past) (Life, Config, []Record)) *Core { return &Core{begin: begin} }

// Planner is the planner of this life; nil before it has begun, or when it
// could not; see [Core.Err].
func (c *Core) Planner() *Planner { return c.planner }

// Err says why the life could not begin.
func (c *Core) Err() error { return c.err }

// entry is a record of the journal: one of the three.
type entry struct {
	Life    *Life   `json:"life,omitempty"`
	Plan    *Record `json:"plan,omitempty"`
	Publish bool    `json:"publish,omitempty"`
}

func (e entry) encode() []byte {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings, numbers and bytes only
	}
	return data
}

// Recover implements node.Core.
func (c *Core) Recover(record []byte) error {
	var e entry
	if err := json.Unmarshal(record, &e); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if e.Life != nil {
		c.past.Lives = append(c.past.Lives, *e.Life)
	}
	if e.Plan != nil {
		c.past.Records = append(c.past.Records, *e.Plan)
	}
	c.past.Published = c.past.Published || e.Publish
	return nil
}

// Begin implements node.Core.
func (c *Core) Begin(now time.Duration) node.Effects[Output] {
	life, cfg, records := c.begin(c.past)
	cfg.First = Attempt(len(c.past.Lives)) << 32
	c.past.Records = nil
	if c.planner, c.err = New(cfg, records); c.err != nil {
		return node.Effects[Output]{}
	}
	e := node.Effects[Output]{Write: [][]byte{entry{Life: &life}.encode()}, Wake: now + c.planner.Wait()}
	if c.planner.Left(Reduce) == 0 { // an earlier life got as far as this
		e.Send = []Output{Finish{}}
	}
	return e
}

// Wake implements node.Core.
func (c *Core) Wake(now time.Duration) node.Effects[Output] {
	e := c.Step(now, Tick{})
	e.Wake = now + c.planner.Wait()
	return e
}

// Step implements node.Core.
func (c *Core) Step(now time.Duration, in Input) (e node.Effects[Output]) {
	if _, staged := in.(Staged); staged {
		e.Write, e.Send = [][]byte{entry{Publish: true}.encode()}, []Output{Publish{}}
		return e
	}
	for _, out := range c.planner.Step(now, in) {
		if w, ok := out.(Write); ok {
			e.Write = append(e.Write, entry{Plan: &w.Record}.encode())
			continue
		}
		e.Early = append(e.Early, out)
	}
	return e
}

// hear notes that a worker lives. It returns nil for one that has not joined.
func (p *Planner) hear(name string) *worker {
	w := p.workers[name]
	if w == nil {
		return nil
	}
	w.heard = p.now
	w.suspected = false
	return w
}

// leave takes a worker out of the books, with all that was only there through
// it.
func (p *Planner) leave(name string) {
	w := p.workers[name]
	if w == nil {
		return
	}
	delete(p.workers, name)
	p.counters.Left++
	if w.waiting {
		p.waiting = slices.DeleteFunc(p.waiting, func(o *worker) bool { return o == w })
	}
	if w.current != nil {
		p.release(w.current)
	}
	p.bereave(w)
}

// bereave makes the map tasks undone whose output went with a worker. Silence
// counts as absence: nobody could read it.
func (p *Planner) bereave(w *worker) {
	if p.cfg.Survives {
		return
	}
	for i := range p.tasks[Map] {
		if t := &p.tasks[Map][i]; t.done && t.home == w.name {
			p.lose(Source{Map: i, Attempt: t.by}, "worker "+w.name+" is gone")
		}
	}
}

// expire ends the leases of workers that were silent for too long: others may
// have their tasks. They are not gone: if one finishes first after all, that
// counts.
func (p *Planner) expire() {
	for _, name := range slices.Sorted(maps.Keys(p.workers)) {
		w := p.workers[name]
		if w.suspected || p.now-w.heard < p.cfg.Lease {
			continue
		}
		w.suspected = true
		a := w.current
		if a != nil && !a.orphaned {
			p.counters.Suspected++
			a.orphaned = true
			if !p.tried(a.task) {
				p.counters.Reruns++
				p.requeue(a.task)
			}
		}
		p.bereave(w)
	}
}
