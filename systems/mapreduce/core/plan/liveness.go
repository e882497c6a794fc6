package plan

import (
	"maps"
	"slices"
)

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
