package plan

import "slices"

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
