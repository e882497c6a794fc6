package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Planner plans one job. Make one with [New]; it belongs to one goroutine.
type Planner struct {
	cfg     Config
	tasks   [2][]task // by phase
	undone  [2]int    // by phase
	lengths [2][]time.Duration
	pending [2][]int // by phase: tasks to be assigned, ascending

	workers map[string]*worker
	waiting []*worker // in the order of their questions
	running map[Attempt]*attempt
	order   []*attempt // those running, in the order of their start
	next    Attempt

	now      time.Duration
	over     bool
	counters Counters
	out      []Output
}

// task is what is known of one task.
type task struct {
	done     bool
	by       Attempt
	home     string // the worker that did it
	result   []byte
	failures int
	losses   int
	crashes  map[string]int // by record
	crashed  int            // all of them
	skip     []string
}

// attempt is one that runs, as far as the planner knows.
type attempt struct {
	id       Attempt
	task     Task
	worker   *worker
	began    time.Duration
	backup   bool
	orphaned bool // its worker was suspected: the task was given up to others
	assign   Assign
}

// worker is one that has joined and not left.
type worker struct {
	name      string
	heard     time.Duration
	seq       uint64   // of the last question
	current   *attempt // what it was given
	waiting   bool
	suspected bool
}

// New makes a planner that goes on where the records end.
func New(cfg Config, records []Record) (*Planner, error) {
	if cfg.Maps < 0 || cfg.Reduces < 1 || cfg.Lease <= 0 || cfg.Failures < 1 || cfg.Skips < 0 || cfg.Losses < 1 {
		return nil, fmt.Errorf("plan: a number is out of range in %+v", cfg)
	}
	p := &Planner{cfg: cfg, workers: map[string]*worker{}, running: map[Attempt]*attempt{}, next: max(cfg.First, 1)}
	p.tasks = [2][]task{make([]task, cfg.Maps), make([]task, cfg.Reduces)}
	for i, r := range records {
		if err := p.replay(r); err != nil {
			return nil, fmt.Errorf("plan: record %d: %w", i+1, err)
		}
	}
	for phase := range p.tasks {
		for i := range p.tasks[phase] {
			t := &p.tasks[phase][i]
			if t.done && Phase(phase) == Map && !cfg.Survives {
				*t = task{crashes: t.crashes, skip: t.skip} // it went with its worker
			}
			if t.done {
				p.counters.Resumed++
				continue
			}
			p.undone[phase]++
			p.pending[phase] = append(p.pending[phase], i)
		}
	}
	return p, nil
}

// replay applies one record of an earlier life.
func (p *Planner) replay(r Record) error {
	if int(r.Task.Phase) > 1 || r.Task.Index < 0 || r.Task.Index >= len(p.tasks[r.Task.Phase]) {
		return fmt.Errorf("%v is no task of this job", r.Task)
	}
	t := p.task(r.Task)
	switch r.Kind {
	case TaskDone:
		t.done, t.by, t.home, t.result = true, r.Attempt, r.Worker, r.Result
	case MapLost:
		t.done = false
	case Skip:
		if !slices.Contains(t.skip, r.Record) {
			t.skip = append(t.skip, r.Record)
		}
	default:
		return fmt.Errorf("kind %d is not known", r.Kind)
	}
	return nil
}

// Step takes in one thing that happened and returns what is to be done about
// it. Time must not run backwards. The outputs belong to the caller.
func (p *Planner) Step(now time.Duration, in Input) []Output {
	p.now = max(p.now, now)
	p.out = nil
	if !p.over {
		p.take(in)
	}
	if !p.over {
		p.settle()
	}
	return p.out
}

func (p *Planner) take(in Input) {
	switch in := in.(type) {
	case Join:
		if p.workers[in.Worker] == nil {
			p.workers[in.Worker] = &worker{name: in.Worker, heard: p.now}
		}
	case Ask:
		p.ask(in)
	case Beat:
		p.hear(in.Worker)
	case Done:
		p.done(in)
	case Failed:
		p.failed(in)
	case Leave:
		p.leave(in.Worker)
	case Tick:
		p.expire()
	}
}

// settle hands out what can be handed out, or ends the job.
func (p *Planner) settle() {
	if p.undone[Reduce] == 0 {
		p.over = true
		p.emit(Finish{})
		return
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w *worker) bool {
		if !w.suspected && p.give(w) {
			w.waiting = false
		}
		return !w.waiting
	})
}

func (p *Planner) abort(format string, args ...any) {
	if p.over {
		return
	}
	p.over = true
	p.emit(Abort{Reason: fmt.Sprintf(format, args...)})
}

func (p *Planner) emit(o Output)     { p.out = append(p.out, o) }
func (p *Planner) task(t Task) *task { return &p.tasks[t.Phase][t.Index] }

// requeue makes a task wait for a worker, unless it does, or is done.
func (p *Planner) requeue(t Task) {
	if p.task(t).done {
		return
	}
	queue := p.pending[t.Phase]
	if i, found := slices.BinarySearch(queue, t.Index); !found {
		p.pending[t.Phase] = slices.Insert(queue, i, t.Index)
	}
}

// Counters returns what was counted so far.
func (p *Planner) Counters() Counters { return p.counters }

// Left returns how many tasks of a phase are not done.
func (p *Planner) Left(phase Phase) int { return p.undone[phase] }

// Result returns what the attempt that counts left behind, and who made it.
func (p *Planner) Result(t Task) (r Record, done bool) {
	k := p.task(t)
	return Record{Kind: TaskDone, Task: t, Attempt: k.by, Worker: k.home, Result: k.result}, k.done
}

// Sources are what a reduce attempt under way was told to read.
func (p *Planner) Sources(a Attempt) []Source {
	if p.running[a] == nil {
		return nil
	}
	return p.running[a].assign.Sources
}

// Running is one attempt under way, for status tables.
type Running struct {
	Worker  string
	Task    Task
	Attempt Attempt
	Age     time.Duration
	Backup  bool
}

// WorkerState is one worker, for status tables. Task is nil while it is idle.
type WorkerState struct {
	Name      string
	Silence   time.Duration
	Suspected bool
	Task      *Running
}

// Workers lists the workers that are there, by name.
func (p *Planner) Workers(now time.Duration) []WorkerState {
	var list []WorkerState
	for _, w := range p.workers {
		s := WorkerState{Name: w.name, Silence: max(0, now-w.heard), Suspected: w.suspected}
		if a := w.current; a != nil {
			s.Task = &Running{Worker: w.name, Task: a.task, Attempt: a.id, Age: max(0, now-a.began), Backup: a.backup}
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b WorkerState) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
