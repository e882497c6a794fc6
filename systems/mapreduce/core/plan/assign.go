package plan

import (
	"slices"
	"time"
)

// ask notes that a worker wants a task. A question that comes again gets the
// answer that it got, for that may have been lost on the way.
func (p *Planner) ask(in Ask) {
	w := p.hear(in.Worker)
	if w == nil || in.Seq < w.seq {
		return
	}
	if a := w.current; a != nil {
		if a.assign.Seq == in.Seq && p.fresh(a) {
			p.emit(a.assign)
			return
		}
		p.release(a) // its report was lost, it has given up, or it would in vain
	}
	w.seq = in.Seq
	if !w.waiting {
		w.waiting = true
		p.waiting = append(p.waiting, w)
	}
}

// fresh reports whether the sources that an attempt was given are still those
// to be read.
func (p *Planner) fresh(a *attempt) bool {
	return !slices.ContainsFunc(a.assign.Sources, func(s Source) bool {
		t := &p.tasks[Map][s.Map]
		return !t.done || t.by != s.Attempt
	})
}

// give finds a task for a worker that waits. It reports false if there is none
// for now.
func (p *Planner) give(w *worker) bool {
	for phase := range p.pending {
		if Phase(phase) == Reduce && p.undone[Map] > 0 {
			break
		}
		if queue := p.pending[phase]; len(queue) > 0 {
			p.pending[phase] = queue[1:]
			p.assign(w, Task{Phase(phase), queue[0]}, false)
			return true
		}
	}
	if t, ok := p.straggler(w); ok {
		p.assign(w, t, true)
		return true
	}
	return false
}

func (p *Planner) assign(w *worker, t Task, backup bool) {
	a := &attempt{id: p.next, task: t, worker: w, began: p.now, backup: backup}
	p.next++
	a.assign = Assign{Worker: w.name, Seq: w.seq, Attempt: a.id, Task: t, Backup: backup}
	a.assign.Skip = slices.Clone(p.task(t).skip)
	if t.Phase == Reduce {
		a.assign.Sources = p.sources()
	}
	w.current = a
	p.running[a.id] = a
	p.order = append(p.order, a)
	p.counters.Attempts++
	if backup {
		p.counters.Backups++
	}
	p.emit(a.assign)
}

func (p *Planner) sources() []Source {
	list := make([]Source, len(p.tasks[Map]))
	for i := range list {
		list[i] = Source{Map: i, Attempt: p.tasks[Map][i].by}
	}
	return list
}

// straggler finds the task that is most in need of a second attempt: its
// worker says nothing, or it takes long compared with its like. No task may be
// waiting, and none is tried more than twice at once.
func (p *Planner) straggler(w *worker) (Task, bool) {
	if !p.cfg.Backups {
		return Task{}, false
	}
	tries := map[Task]int{}
	for _, a := range p.order {
		if !a.orphaned {
			tries[a.task]++
		}
	}
	for _, a := range p.order { // the oldest first
		if a.task.Phase == Reduce && p.undone[Map] > 0 {
			continue
		}
		if a.worker != w && !a.orphaned && tries[a.task] == 1 && p.late(a) {
			return a.task, true
		}
	}
	return Task{}, false
}

func (p *Planner) late(a *attempt) bool {
	age := p.now - a.began
	if age < p.cfg.MinAge {
		return false
	}
	if p.now-a.worker.heard >= p.cfg.Quiet {
		return true
	}
	seen := p.lengths[a.task.Phase]
	if len(seen) == 0 {
		return false
	}
	return float64(age) >= p.cfg.Slow*float64(seen[len(seen)/2])
}

// note remembers how long a task took, in order, for the median.
func (p *Planner) note(a *attempt) {
	d := p.now - a.began
	seen := p.lengths[a.task.Phase]
	i, _ := slices.BinarySearch(seen, d)
	p.lengths[a.task.Phase] = slices.Insert(seen, i, d)
}

// drop takes an attempt out of the books.
func (p *Planner) drop(a *attempt) {
	delete(p.running, a.id)
	p.order = slices.DeleteFunc(p.order, func(o *attempt) bool { return o == a })
	if a.worker.current == a {
		a.worker.current = nil
	}
}

// release drops an attempt that will not finish, and has its task done by
// another unless another is at it.
func (p *Planner) release(a *attempt) {
	p.drop(a)
	if p.task(a.task).done || p.tried(a.task) {
		return
	}
	if !a.orphaned {
		p.counters.Reruns++
	}
	p.requeue(a.task)
}

// tried reports whether an attempt that can be relied on is at a task.
func (p *Planner) tried(t Task) bool {
	return slices.ContainsFunc(p.order, func(a *attempt) bool { return a.task == t && !a.orphaned })
}

// Wait returns after how long silence or age could matter, at the soonest: a
// shell that ticks this often misses nothing by more than it.
func (p *Planner) Wait() time.Duration {
	return max(min(p.cfg.Lease, p.cfg.Quiet, p.cfg.MinAge)/2, time.Millisecond)
}
