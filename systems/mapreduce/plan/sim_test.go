package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
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
	runs     map[int]string   // by map task: the shared folder
	outputs  map[int]string   // by reduce task, staged
	homes    map[string]*simW // living workers by the name of their life
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
			World: w, mutant: mutant, runs: map[int]string{}, outputs: map[int]string{}, homes: map[string]*simW{},
			stream: w.Seed()%2 == 0, backups: w.Seed()%4 < 2,
		}
		w.Add("master", func() sim.Node { return &simM{job: j} })
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

// simM is a master's life.
type simM struct {
	job     *simJob
	env     *sim.Env
	planner *Planner
	known   map[string]sim.ID
	lives   map[int]int // of workers, by host
	asked   map[string]uint64
}

type simEntry struct {
	Life   bool    `json:",omitempty"`
	Record *Record `json:",omitempty"`
}

// Init reads the journal. What a crash left of its last line is no record.
func (m *simM) Init(env *sim.Env) {
	m.env, m.known, m.lives, m.asked = env, map[string]sim.ID{}, map[int]int{}, map[string]uint64{}
	data := env.Disk().Read("journal")
	whole := bytes.LastIndexByte(data, '\n') + 1
	_ = env.Disk().Truncate("journal", whole)
	var records []Record
	lives := 0
	for line := range bytes.Lines(data[:whole]) {
		var e simEntry
		if err := json.Unmarshal(line, &e); err != nil {
			env.Fail(err)
			return
		}
		if e.Life {
			lives++
		}
		if e.Record != nil {
			records = append(records, *e.Record)
		}
	}
	cfg := Config{
		Maps: simMaps, Reduces: simReduces, Survives: !m.job.stream, Backups: m.job.backups,
		Lease: 300 * time.Millisecond, Quiet: 100 * time.Millisecond, Slow: 2, MinAge: 50 * time.Millisecond,
		Failures: 3, Skips: 3, Losses: 40, First: Attempt(lives) << 32,
	}
	var err error
	if m.planner, err = New(cfg, records); err != nil {
		env.Fail(err)
		return
	}
	m.write(simEntry{Life: true})
	env.Disk().Sync(1)
}

// Synced: from here on no number of this life can come again.
func (m *simM) Synced(tag uint64, err error) {
	if err != nil {
		m.env.Exit(simTick)
		return
	}
	if tag == 1 {
		m.env.SetTimer(0, 0)
	}
}

func (m *simM) write(e simEntry) {
	line, err := json.Marshal(e)
	if err == nil {
		err = m.env.Disk().Append("journal", append(line, '\n'))
	}
	if err != nil {
		m.env.Exit(simTick)
	}
}

func (m *simM) Timer(uint64) {
	if m.job.mutant != "never look at the clock" {
		m.step(Tick{})
	}
	m.env.SetTimer(simTick, 0)
}

// Receive makes inputs of what comes. A newer life of a worker tells that the
// earlier one is over: the connection of that was closed.
func (m *simM) Receive(from sim.ID, msg any) {
	r := msg.(simMessage)
	if r.Life < m.lives[r.Host] {
		return
	}
	if old := m.lives[r.Host]; old > 0 && old < r.Life {
		m.leave(simName(r.Host, old))
	}
	m.lives[r.Host] = r.Life
	if _, ok := m.known[r.Name]; !ok {
		m.known[r.Name] = from
		m.step(Join{r.Name})
	}
	if ask, ok := r.In.(Ask); ok && m.job.mutant == "answer once" {
		if m.asked[r.Name] >= ask.Seq {
			r.In = Beat{r.Name}
		}
		m.asked[r.Name] = max(ask.Seq, m.asked[r.Name])
	}
	m.step(r.In)
}

func (m *simM) leave(name string) {
	if m.job.mutant == "forget the dead" {
		delete(m.planner.workers, name)
		return
	}
	m.step(Leave{name})
}

func (m *simM) step(in Input) {
	p := m.planner
	var outs []Output
	switch in := in.(type) {
	case Failed:
		if m.job.mutant == "deaf to failures" {
			return
		}
		outs = p.Step(m.env.Now(), in)
	case Done:
		a := p.running[in.Attempt]
		if w := p.workers[in.Worker]; m.job.mutant == "credit the present" && w != nil && w.current != nil {
			in.Attempt = w.current.id
		}
		outs = p.Step(m.env.Now(), in)
		if m.job.mutant == "count twice" && a != nil {
			p.running[in.Attempt] = a
		}
	default:
		undone := p.undone[Map]
		if m.job.mutant == "reduce early" {
			p.undone[Map] = 0
		}
		if m.job.mutant == "a third attempt" {
			outs = m.forgetful(in)
		} else {
			outs = p.Step(m.env.Now(), in)
		}
		if m.job.mutant == "reduce early" {
			p.undone[Map] += undone
		}
	}
	for _, o := range outs {
		m.carry(o)
	}
	m.twiceAtMost()
}

// twiceAtMost: no task is tried more than twice at once, those left out that
// were given up.
func (m *simM) twiceAtMost() {
	tries := map[Task]int{}
	for _, a := range m.planner.running {
		if a.orphaned {
			continue
		}
		if tries[a.task]++; tries[a.task] > 2 {
			m.env.Fail(fmt.Errorf("%v is tried %d times at once", a.task, tries[a.task]))
		}
	}
}

// forgetful takes a step without the backups in mind.
func (m *simM) forgetful(in Input) []Output {
	p := m.planner
	backups := slices.Clone(p.order)
	p.order = slices.DeleteFunc(p.order, func(a *attempt) bool { return a.backup })
	backups = slices.DeleteFunc(backups, func(a *attempt) bool { return !a.backup })
	outs := p.Step(m.env.Now(), in)
	backups = slices.DeleteFunc(backups, func(a *attempt) bool { return p.running[a.id] != a })
	p.order = append(backups, p.order...)
	return outs
}

func (m *simM) carry(o Output) {
	switch o := o.(type) {
	case Assign:
		m.job.attempts++
		if m.job.attempts > simAttempts {
			m.env.Fail(fmt.Errorf("%d attempts at %d tasks", m.job.attempts, simMaps+simReduces))
		}
		m.env.Send(m.known[o.Worker], simMessage{Assign: &o, Homes: m.homes(o)})
		if m.job.mutant == "write early" {
			m.write(simEntry{Record: &Record{Kind: TaskDone, Task: o.Task, Attempt: o.Attempt, Worker: o.Worker}})
			m.env.Disk().Sync(2)
		}
	case Cancel:
		m.env.Send(m.known[o.Worker], simMessage{Attempt: o.Attempt})
	case Write:
		m.write(simEntry{Record: &o.Record})
		m.env.Disk().Sync(2)
	case Finish:
		m.publish()
	case Abort:
		m.env.Fail(errors.New("aborted: " + o.Reason))
	}
}

// homes says where the sources of a reduce task are, and that they are all
// there as far as the planner can know.
func (m *simM) homes(a Assign) []string {
	if a.Task.Phase == Map {
		return nil
	}
	if len(a.Sources) != simMaps {
		m.env.Fail(fmt.Errorf("%v has %d sources", a.Task, len(a.Sources)))
	}
	var homes []string
	for _, s := range a.Sources {
		r, done := m.planner.Result(Task{Map, s.Map})
		if !done || r.Attempt != s.Attempt {
			m.env.Fail(fmt.Errorf("%v was assigned before map %d was done", a.Task, s.Map))
		}
		homes = append(homes, r.Worker)
	}
	return homes
}

// publish is the end: all outputs must be those of a sequential run.
func (m *simM) publish() {
	for r := range simReduces {
		if got := m.job.outputs[r]; got != simOracle(r) {
			m.env.Fail(fmt.Errorf("output %d is %q, want %q", r, got, simOracle(r)))
			return
		}
	}
	m.job.finished = true
	m.env.Stop()
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
			Kinds: []sim.Kind{sim.Crash, sim.Crash, sim.Pause, sim.Pause, sim.Cut, sim.Drop, sim.Duplicate, sim.Slow, sim.SlowDisk},
		},
		Replay: func(seed uint64) string {
			return fmt.Sprintf("go test ./systems/mapreduce/plan -run TestAnyScheduleGivesTheSameBytes -sim.seed %d", seed)
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
	failure, err := hunt.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if failure != nil {
		t.Fatal(failure)
	}
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
