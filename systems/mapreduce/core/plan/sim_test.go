package plan

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "play this one seed of the simulated job and show its faults and its trace")
	simSeeds = flag.Int("sim.seeds", 3000, "how many schedules to try")
)

const (
	simMaps, simReduces, simWorkers = 9, 3, 3

	simFaultsOver = 4 * time.Second
	simEnd        = 30 * time.Second // by then the job must long be over
	simAttempts   = 600              // more than that is no progress

	simBeat = 30 * time.Millisecond
	simTick = 50 * time.Millisecond
)

// simMutant breaks the planner, or the shell around it, on purpose.
type simMutant string

// simJob is one world and what its nodes share: the shared folder, and what is
// published.
type simJob struct {
	*sim.World
	mutant   simMutant
	stream   bool
	backups  bool
	runs     map[int]string     // by map task: the shared folder
	outputs  map[int]string     // by reduce task, staged
	homes    map[string]*simW   // living workers by the name of their life
	given    map[Attempt]string // to whom and for what, by all lives of the master
	attempts int
	finished bool
}

// content is what a map task leaves, and output what a reduce task makes of it.
func simContent(m int) string { return fmt.Sprintf("m%d;", m) }

func simOutput(contents []string, r int) string {
	return fmt.Sprintf("r%d:%s", r, strings.Join(contents, ""))
}

// simOracle is the output of a sequential run.
func simOracle(r int) string {
	var all []string
	for m := range simMaps {
		all = append(all, simContent(m))
	}
	return simOutput(all, r)
}

func simScenario(mutant simMutant) sim.Scenario {
	return func(w *sim.World) error {
		j := &simJob{
			World: w, mutant: mutant, runs: map[int]string{}, outputs: map[int]string{}, homes: map[string]*simW{}, given: map[Attempt]string{},
			stream: w.Seed()%2 == 0, backups: w.Seed()%4 < 2,
		}
		master := simHost(j)
		w.Add("master", func() sim.Node { return master.Node() })
		for i := range simWorkers {
			lives := 0
			w.Add(fmt.Sprintf("w%d", i+1), func() sim.Node {
				lives++
				return &simW{job: j, host: i + 1, life: lives}
			})
		}
		if err := w.RunUntil(simEnd); err != nil {
			return err
		}
		if !j.finished {
			return fmt.Errorf("the job is not over at %v", w.Now())
		}
		return nil
	}
}

// simMessage is what travels. Name is that of a worker's life.
type simMessage struct {
	Name    string
	Life    int
	Host    int
	In      Input
	Assign  *Assign
	Homes   []string // by map task
	Attempt Attempt  // to cancel, if not 0
}

// simM is a master's life: the core that runs behind gRPC, perhaps broken on
// purpose, and what its shell knows.
type simM struct {
	*Core
	job   *simJob
	known map[string]sim.ID
	lives map[int]int // of workers, by host
	asked map[string]uint64
}

// simHost hosts masters as the process does, over the same journal.
func simHost(j *simJob) simhost.Host[Input, Output] {
	var m *simM
	return simhost.Host[Input, Output]{
		Down: sim.Delay{Base: simTick},
		Core: func() node.Core[Input, Output] {
			m = &simM{job: j, known: map[string]sim.ID{}, lives: map[int]int{}, asked: map[string]uint64{}}
			m.Core = NewCore(func(past Past) (Life, Config, []Record) {
				j.Sometimes(simResumed, len(past.Records) > 0)
				j.Sometimes(simThirdLife, len(past.Lives) > 1)
				return Life{Job: "sim"}, Config{
					Maps: simMaps, Reduces: simReduces, Survives: !j.stream, Backups: j.backups,
					Lease: 300 * time.Millisecond, Quiet: 100 * time.Millisecond, Slow: 2, MinAge: 50 * time.Millisecond,
					Failures: 3, Skips: 3, Losses: 40,
				}, past.Records
			})
			return m
		},
		Receive: func(_ *sim.Env, from sim.ID, msg any) []Input { return m.inputs(from, msg.(simMessage)) },
		Send:    func(env *sim.Env, out Output) { m.carry(env, out) },
	}
}

// Rare situations that the sweep must meet.
const (
	simResumed   = "a master that goes on where another ended"
	simThirdLife = "a master in its third life"
	simBackup    = "a backup"
	simRerun     = "a map task again, for its output was lost"
	simPublished = "a master that died while it published"
)

// Begin implements node.Core.
func (m *simM) Begin(now time.Duration) node.Effects[Output] {
	m.job.Sometimes(simPublished, m.past.Published)
	return m.Core.Begin(now)
}

// Wake implements node.Core.
func (m *simM) Wake(now time.Duration) node.Effects[Output] {
	if m.job.mutant == "never look at the clock" {
		return node.Effects[Output]{Wake: now + simTick}
	}
	return m.Core.Wake(now)
}

// inputs makes inputs of what comes. A newer life of a worker tells that the
// earlier one is over: the connection of that was closed.
func (m *simM) inputs(from sim.ID, r simMessage) (in []Input) {
	if r.Life < m.lives[r.Host] {
		return nil
	}
	if old := m.lives[r.Host]; old > 0 && old < r.Life {
		in = append(in, Leave{simName(r.Host, old)})
	}
	m.lives[r.Host] = r.Life
	if _, ok := m.known[r.Name]; !ok {
		m.known[r.Name] = from
		in = append(in, Join{r.Name})
	}
	if ask, ok := r.In.(Ask); ok && m.job.mutant == "answer once" {
		if m.asked[r.Name] >= ask.Seq {
			r.In = Beat{r.Name}
		}
		m.asked[r.Name] = max(ask.Seq, m.asked[r.Name])
	}
	return append(in, r.In)
}

// Step implements node.Core.
func (m *simM) Step(now time.Duration, in Input) (e node.Effects[Output]) {
	p := m.planner
	switch in := in.(type) {
	case Leave:
		if m.job.mutant == "forget the dead" {
			delete(p.workers, in.Worker)
			return e
		}
		e = m.Core.Step(now, in)
	case Failed:
		if m.job.mutant == "deaf to failures" {
			return e
		}
		e = m.Core.Step(now, in)
	case Done:
		a := p.running[in.Attempt]
		if w := p.workers[in.Worker]; m.job.mutant == "credit the present" && w != nil && w.current != nil {
			in.Attempt = w.current.id
		}
		e = m.Core.Step(now, in)
		if m.job.mutant == "count twice" && a != nil {
			p.running[in.Attempt] = a
		}
	default:
		undone := p.undone[Map]
		if m.job.mutant == "reduce early" {
			p.undone[Map] = 0
		}
		e = m.forget(now, in)
		if m.job.mutant == "reduce early" {
			p.undone[Map] += undone
		}
	}
	return m.hasten(e)
}

// forget takes a step; the mutant "a third attempt" does not see that tasks have
// a second one.
func (m *simM) forget(now time.Duration, in Input) node.Effects[Output] {
	p := m.planner
	if m.job.mutant != "a third attempt" {
		return m.Core.Step(now, in)
	}
	all := p.order
	p.order = slices.DeleteFunc(slices.Clone(all), func(a *attempt) bool { return a.backup })
	e := m.Core.Step(now, in)
	for _, a := range slices.Backward(all) {
		if a.backup && p.running[a.id] == a {
			p.order = slices.Insert(p.order, 0, a)
		}
	}
	return e
}

// hasten is the mutant that writes down as done what it has only given out.
func (m *simM) hasten(e node.Effects[Output]) node.Effects[Output] {
	for _, out := range e.Early {
		if o, ok := out.(Assign); ok && m.job.mutant == "write early" {
			r := Record{Kind: TaskDone, Task: o.Task, Attempt: o.Attempt, Worker: o.Worker}
			e.Write = append(e.Write, entry{Plan: &r}.encode())
		}
	}
	return e
}

func (m *simM) carry(env *sim.Env, o Output) {
	switch o := o.(type) {
	case Assign:
		m.job.attempts++
		if m.job.attempts > simAttempts {
			env.Fail(fmt.Errorf("%d attempts at %d tasks", m.job.attempts, simMaps+simReduces))
		}
		to := o.Worker + " " + o.Task.String() // which may hear it again
		env.Always("attempt numbers", m.job.given[o.Attempt] == "" || m.job.given[o.Attempt] == to, "%d is %s and %s", o.Attempt, m.job.given[o.Attempt], to)
		m.job.given[o.Attempt] = to
		n := 0
		for _, a := range m.planner.running {
			if a.task == o.Task && !a.orphaned {
				n++
			}
		}
		env.Always("at most twice at once", n <= 2, "%v is given to %d workers", o.Task, n)
		env.Sometimes(simBackup, o.Backup)
		env.Sometimes(simRerun, m.planner.counters.LostMaps > 0)
		env.Send(m.known[o.Worker], simMessage{Assign: &o, Homes: m.homes(env, o)})
	case Cancel:
		env.Send(m.known[o.Worker], simMessage{Attempt: o.Attempt})
	case Finish:
		env.Send(env.ID(), simMessage{Name: "itself", Host: -1, In: Staged{}}) // the outputs were synced
	case Publish:
		m.publish(env)
	case Abort:
		env.Fail(errors.New("aborted: " + o.Reason))
	}
}

// homes says where the sources of a reduce task are, and that they are all
// there as far as the planner can know.
func (m *simM) homes(env *sim.Env, a Assign) []string {
	if a.Task.Phase == Map {
		return nil
	}
	if len(a.Sources) != simMaps {
		env.Fail(fmt.Errorf("%v has %d sources", a.Task, len(a.Sources)))
	}
	var homes []string
	for _, s := range a.Sources {
		r, done := m.planner.Result(Task{Map, s.Map})
		if !done || r.Attempt != s.Attempt {
			env.Fail(fmt.Errorf("%v was assigned before map %d was done", a.Task, s.Map))
		}
		homes = append(homes, r.Worker)
	}
	return homes
}

// publish is the end: all outputs must be those of a sequential run.
func (m *simM) publish(env *sim.Env) {
	for r := range simReduces {
		if got := m.job.outputs[r]; got != simOracle(r) {
			env.Fail(fmt.Errorf("output %d is %q, want %q", r, got, simOracle(r)))
			return
		}
	}
	m.job.finished = true
	env.Stop()
}

func simName(host, life int) string { return fmt.Sprintf("w%d.%d", host, life) }

// simW is a worker's life.
type simW struct {
	job        *simJob
	env        *sim.Env
	host, life int
	name       string
	seq        uint64
	task       *simMessage
	timer      sim.TimerID
	runs       map[int]string // with the stream shuffle
	silent     bool           // gone for good, and nobody was told
}

const (
	simTimerBeat = iota
	simTimerDone
	simTimerGone
)

func (w *simW) Init(env *sim.Env) {
	w.env, w.name, w.runs = env, simName(w.host, w.life), map[int]string{}
	delete(w.job.homes, simName(w.host, w.life-1))
	w.job.homes[w.name] = w
	if w.host == 1 && w.job.Seed()%3 == 0 { // its machine is gone at some time
		env.SetTimer(time.Duration(env.Rand().Int64N(int64(time.Second))), simTimerGone)
	}
	w.ask()
	env.SetTimer(simBeat, simTimerBeat)
}

func (w *simW) ask() {
	w.seq++
	w.task = nil
	w.send(Ask{w.name, w.seq})
}

func (w *simW) send(in Input) {
	if !w.silent {
		w.env.Send(0, simMessage{Name: w.name, Life: w.life, Host: w.host, In: in})
	}
}

func (w *simW) Timer(tag uint64) {
	switch tag {
	case simTimerBeat:
		w.env.SetTimer(simBeat, simTimerBeat)
		if w.task == nil {
			w.send(Ask{w.name, w.seq}) // the answer may have been lost
		} else {
			w.send(Beat{w.name})
		}
	case simTimerDone:
		w.finish()
	case simTimerGone:
		w.silent = true
		delete(w.job.homes, w.name)
		w.env.Cancel(w.timer)
	}
}

func (w *simW) Receive(_ sim.ID, msg any) {
	m := msg.(simMessage)
	switch {
	case w.silent:
	case m.Assign != nil && w.task == nil && m.Assign.Seq == w.seq && m.Assign.Worker == w.name:
		w.task = &m
		length := 20*time.Millisecond + time.Duration(w.env.Rand().Int64N(int64(80*time.Millisecond)))
		if w.env.Rand().IntN(10) == 0 {
			length *= 10 // a straggler
		}
		w.timer = w.env.SetTimer(length, simTimerDone)
	case m.Attempt != 0 && w.task != nil && w.task.Assign.Attempt == m.Attempt:
		w.env.Cancel(w.timer)
		w.ask()
	}
}

// finish leaves the task's output, all at once, and reports it.
func (w *simW) finish() {
	a := w.task.Assign
	if a.Task.Phase == Map {
		if w.job.stream {
			w.runs[a.Task.Index] = simContent(a.Task.Index)
		} else if w.env.Rand().IntN(20) > 0 { // now and then a disk forgets what it said it has
			w.job.runs[a.Task.Index] = simContent(a.Task.Index)
		}
		w.send(Done{w.name, a.Attempt, nil})
		w.ask()
		return
	}
	var contents []string
	var lost []Source
	for i, home := range w.task.Homes {
		content, ok := w.read(i, home)
		if !ok {
			lost = append(lost, a.Sources[i])
		}
		contents = append(contents, content)
	}
	if len(lost) > 0 {
		w.send(Failed{Worker: w.name, Attempt: a.Attempt, Reason: "not there", Lost: lost})
	} else {
		w.job.outputs[a.Task.Index] = simOutput(contents, a.Task.Index)
		w.send(Done{w.name, a.Attempt, nil})
	}
	w.ask()
}

func (w *simW) read(i int, home string) (string, bool) {
	runs := w.job.runs
	if w.job.stream {
		h := w.job.homes[home]
		if h == nil || w.job.Node(sim.ID(h.host)) != sim.Node(h) {
			return "", false
		}
		runs = h.runs
	}
	content, ok := runs[i]
	return content, ok
}

func simHunt(mutant simMutant, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: simScenario(mutant), Seeds: seeds, First: 1, ShrinkRuns: 200,
		Config: sim.Config{
			Network: sim.Link{Delay: sim.Delay{Base: time.Millisecond, Tail: time.Millisecond}},
			Sync:    sim.Delay{Base: time.Millisecond, Tail: 3 * time.Millisecond},
		},
		Profile: sim.Profile{
			Nodes: []string{"master", "w1", "w2", "w3"}, Until: simFaultsOver, MaxFor: time.Second, Torn: 0.5,
			Kinds: []sim.Kind{sim.Crash, sim.Crash, sim.Pause, sim.Pause, sim.Cut, sim.Drop, sim.Duplicate, sim.Delayed, sim.SlowDisk},
		},
		Replay: func(seed uint64) string {
			return fmt.Sprintf("go test ./systems/mapreduce/core/plan -run TestAnyScheduleGivesTheSameBytes -sim.seed %d", seed)
		},
	}
}

// Whatever crashes, stops, comes late, twice or never: the job ends, and its
// output is that of a sequential run.
func TestAnyScheduleGivesTheSameBytes(t *testing.T) {
	hunt := simHunt("", *simSeeds)
	if *simSeed != 0 {
		o := hunt.Try(*simSeed)
		t.Logf("%v\n%s\n%v", o.Faults, o.Trace, o.Err)
		return
	}
	hunt.Sometimes = []string{simResumed, simThirdLife, simBackup, simRerun}
	sweep, err := hunt.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sweep.Failure != nil {
		t.Fatal(sweep.Failure)
	}
	t.Log(sweep)
}

// Each way to break the protocol is noticed.
func TestMutantsAreCaught(t *testing.T) {
	for _, m := range []simMutant{
		"credit the present", "never look at the clock", "answer once", "forget the dead",
		"deaf to failures", "count twice", "reduce early", "write early", "a third attempt",
	} {
		t.Run(strings.ReplaceAll(string(m), " ", "-"), func(t *testing.T) {
			failure, err := simHunt(m, 1000).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if failure == nil {
				t.Fatal("1000 schedules, and nothing was noticed")
			}
			t.Logf("seed %d: %v", failure.Seed, failure.Shrunk.Err)
		})
	}
}

// Attempts are numbered by lives, so that a life must be remembered before it
// gives out tasks: a disk that lies about that is noticed. Opening the journal
// makes sure of what it has read; that this lies is not noticed here, since a
// map task that is forgotten is done again.
func TestLyingSyncsAreCaught(t *testing.T) {
	found, err := simHunt("", 1000).Weaken(t.Context(), simhost.ForOpen)
	if err != nil {
		t.Fatal(err)
	}
	for purpose, f := range found {
		t.Logf("%s: seed %d: %v", purpose, f.Seed, f.Shrunk.Err)
	}
}
