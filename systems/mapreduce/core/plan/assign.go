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

// done takes in a finished attempt. One that is not in the books (of a worker
// that left, of an earlier life, told twice, or of a task that another did
// first) changes nothing.
func (p *Planner) done(in Done) {
	p.hear(in.Worker)
	a := p.running[in.Attempt]
	if a == nil || a.worker.name != in.Worker {
		return
	}
	t := p.task(a.task)
	p.drop(a)
	t.done, t.by, t.home, t.result = true, a.id, in.Worker, in.Result
	p.undone[a.task.Phase]--
	p.unqueue(a.task)
	p.note(a)
	if a.backup {
		p.counters.BackupWins++
	}
	p.emit(Write{Record{Kind: TaskDone, Task: a.task, Attempt: a.id, Worker: in.Worker, Result: in.Result}})
	for _, other := range slices.Clone(p.order) {
		if other.task == a.task {
			p.drop(other)
			p.counters.Wasted++
			p.emit(Cancel{Worker: other.worker.name, Attempt: other.id})
		}
	}
}

func (p *Planner) unqueue(t Task) {
	queue := p.pending[t.Phase]
	if i, found := slices.BinarySearch(queue, t.Index); found {
		p.pending[t.Phase] = slices.Delete(queue, i, i+1)
	}
}

// failed takes in an attempt that came to nothing.
func (p *Planner) failed(in Failed) {
	p.hear(in.Worker)
	a := p.running[in.Attempt]
	if a == nil || a.worker.name != in.Worker {
		return
	}
	p.drop(a)
	t := p.task(a.task)
	p.requeueUnlessTried(a.task)
	switch {
	case len(in.Lost) > 0 && a.task.Phase == Reduce:
		p.counters.Reruns++
		for _, s := range in.Lost {
			p.lose(s, in.Reason)
		}
		return
	case in.Record != "":
		p.crash(a.task, in)
	default:
		t.failures++
	}
	p.counters.Failures++
	if t.failures >= p.cfg.Failures {
		p.abort("%v failed %d times, the last time with: %s", a.task, t.failures, in.Reason)
	}
}

func (p *Planner) requeueUnlessTried(t Task) {
	if !p.tried(t) {
		p.requeue(t)
	}
}

// crash counts a crash of the user's function on one record. The second one
// makes the record be skipped: the first may have been bad luck.
func (p *Planner) crash(task Task, in Failed) {
	t := p.task(task)
	if t.crashes == nil {
		t.crashes = map[string]int{}
	}
	t.crashes[in.Record]++
	t.crashed++
	switch {
	case t.crashed >= crashesToSkip*(p.cfg.Skips+1)+p.cfg.Failures:
		p.abort("%v crashed %d times, on changing records, the last time with: %s", task, t.crashed, in.Reason)
	case slices.Contains(t.skip, in.Record): // it was to be left out: who crashes here ignores it
		t.failures++
	case t.crashes[in.Record] < crashesToSkip:
	case len(t.skip) >= p.cfg.Skips:
		p.abort("%v crashed on more than %d records, the last time with: %s", task, p.cfg.Skips, in.Reason)
	default:
		t.skip = append(t.skip, in.Record)
		p.counters.Skipped++
		p.emit(Write{Record{Kind: Skip, Task: task, Record: in.Record}})
	}
}

const crashesToSkip = 2

// lose makes a map task undone whose output is not there any more. A loss
// that is no news, since the task was done again meanwhile, changes nothing.
func (p *Planner) lose(s Source, reason string) {
	if s.Map < 0 || s.Map >= len(p.tasks[Map]) {
		return
	}
	t := &p.tasks[Map][s.Map]
	if !t.done || t.by != s.Attempt || p.undone[Reduce] == 0 {
		return
	}
	t.done, t.result = false, nil
	t.losses++
	p.undone[Map]++
	p.counters.LostMaps++
	p.counters.Reruns++
	task := Task{Map, s.Map}
	p.emit(Write{Record{Kind: MapLost, Task: task, Attempt: s.Attempt}})
	if t.losses >= p.cfg.Losses {
		p.abort("the output of %v was lost %d times, the last time with: %s", task, t.losses, reason)
		return
	}
	p.requeueUnlessTried(task)
}
