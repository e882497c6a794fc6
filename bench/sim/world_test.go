package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
)

func TestTimersFireInOrder(t *testing.T) {
	var d diary
	w := newWorld(t, sim.Config{}, "")
	n := d.listener()
	n.init = func(env *sim.Env) {
		for i, wait := range []time.Duration{3 * ms, ms, -ms, ms, 2 * ms, 1<<63 - 1} {
			env.SetTimer(wait, uint64(i))
		}
	}
	note := n.timer
	n.timer = func(env *sim.Env, tag uint64) {
		note(env, tag)
		env.SetTimer(1<<63-1, 9) // never, not in the past
	}
	w.Add("a", scripted(n))
	b := w.Add("b", scripted(script{init: func(env *sim.Env) { env.SetTimer(1<<63-1, 9) }, timer: n.timer}))
	w.SetClock(b, sim.Clock{Offset: time.Second, PPM: 5})
	if err := w.RunUntil(10 * ms); err != nil {
		t.Fatal(err)
	}
	d.want(t, "0s timer 2", "1ms timer 1", "1ms timer 3", "2ms timer 4", "3ms timer 0")
	if w.Now() != 10*ms {
		t.Errorf("the time is %v, want 10ms", w.Now())
	}
}

func TestEqualTimesKeepTheOrderOfScheduling(t *testing.T) {
	var d diary
	w := newWorld(t, sim.Config{Network: constant(ms)}, "")
	a := w.Add("a", scripted(d.listener()))
	w.Add("b", scripted(script{init: func(env *sim.Env) {
		for i := range 5 {
			env.Send(a, i)
		}
	}}))
	w.Add("c", scripted(script{init: func(env *sim.Env) { env.Send(a, "c") }}))
	mustRun(t, w)
	d.want(t, "1ms 1 says 0", "1ms 1 says 1", "1ms 1 says 2", "1ms 1 says 3", "1ms 1 says 4", "1ms 2 says c")
}

func TestCancel(t *testing.T) {
	var d diary
	w := newWorld(t, sim.Config{}, "")
	n := d.listener()
	n.init = func(env *sim.Env) {
		first := env.SetTimer(ms, 1)
		env.SetTimer(2*ms, 2)
		if !env.Cancel(first) || env.Cancel(first) || env.Cancel(0) {
			t.Error("Cancel does not say whether the timer was going to fire")
		}
		if again := env.SetTimer(3*ms, 3); again == first {
			t.Error("two timers have the same identity")
		}
		if env.Cancel(first) {
			t.Error("the identity of a cancelled timer cancelled a later one")
		}
	}
	w.Add("a", scripted(n))
	mustRun(t, w)
	d.want(t, "2ms timer 2", "3ms timer 3")
}

// gossip is a busy little world: every choice of every kind.
func gossip(w *sim.World) error {
	const n = 4
	for i := range n {
		w.Add(fmt.Sprintf("s%d", i), scripted(script{
			init: func(env *sim.Env) { env.SetTimer(ms, 0) },
			timer: func(env *sim.Env, tag uint64) {
				env.Send(sim.ID(env.Rand().IntN(n)), tag)
				if err := env.Disk().Append("log", []byte{byte(tag)}); err != nil {
					env.Trace("append: %v", err)
				}
				env.Disk().Sync(tag)
				env.SetTimer(time.Duration(env.Rand().IntN(int(ms))), tag+1)
			},
		}))
	}
	return w.RunUntil(200 * ms)
}

func gossipConfig(seed uint64) sim.Config {
	faults, err := sim.ParseSchedule(`
		crash s0=0.5@10ms..15ms
		pause s1@20ms..40ms
		cut s0,s1->*@30ms..50ms
		drop=0.5@40ms..60ms
		duplicate s3<->*=0.5@50ms..70ms
		delay=5ms±5ms@60ms..80ms
		slow-disk s2=5ms@70ms..90ms
		full-disk s2=0.5@80ms..100ms
		fail-sync s3=0.5@90ms..110ms
	`)
	if err != nil {
		panic(err)
	}
	return sim.Config{
		Seed: seed, Faults: faults, Trace: true,
		Network: sim.Link{Delay: sim.Delay{Base: ms, Spread: ms, Tail: ms}, Drop: 0.01, Duplicate: 0.01},
		Sync:    sim.Delay{Base: ms, Tail: ms},
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	seen := map[string]uint64{}
	for seed := range uint64(20) {
		a, b := sim.Run(gossipConfig(seed), gossip), sim.Run(gossipConfig(seed), gossip)
		if a.Err != nil || !bytes.Equal(a.Trace, b.Trace) || a.Stats != b.Stats {
			t.Fatalf("seed %d: %v, or two runs differ", seed, a.Err)
		}
		if len(a.Trace) < 10_000 {
			t.Errorf("seed %d: a trace of %d bytes shows little", seed, len(a.Trace))
		}
		if other, ok := seen[string(a.Trace)]; ok {
			t.Errorf("seeds %d and %d give the same trace", seed, other)
		}
		seen[string(a.Trace)] = seed
		if err := sim.Repeatable(gossipConfig(seed), gossip); err != nil {
			t.Error(err)
		}
	}
}

// An error that ends the world counts, even if the scenario does not look.
func TestRunReportsWhatTheScenarioIgnores(t *testing.T) {
	out := sim.Run(sim.Config{Seed: 77}, func(w *sim.World) error {
		w.Add("a", scripted(script{init: func(env *sim.Env) { env.Fail(fmt.Errorf("seed %d", w.Seed())) }}))
		_ = w.Run()
		return nil
	})
	if out.Err == nil || out.Err.Error() != "at 0s a: seed 77" || out.Seed != 77 {
		t.Errorf("got %+v", out)
	}
}

// What is on the network must not change the choices of the nodes, nor a fault
// on one link the delays on the others: a shrunken schedule is then the same
// run without some of its faults.
func TestFaultsDoNotShuffleTheRest(t *testing.T) {
	arrivals := func(faults string) string {
		var d diary
		w := newWorld(t, sim.Config{Seed: 3, Network: sim.Link{Delay: sim.Delay{Tail: ms}}}, faults)
		a := w.Add("a", scripted(d.listener()))
		b := w.Add("b", scripted(script{receive: func(env *sim.Env, _ sim.ID, msg any) { env.Send(2, msg) }}))
		w.Add("c", scripted(ticker(ms, 50, func(env *sim.Env, i uint64) {
			env.Send(b, i)
			env.Send(a, env.Rand().IntN(1000))
		})))
		mustRun(t, w)
		return strings.Join(d, "\n")
	}
	plain := arrivals("")
	for _, faults := range []string{
		"drop b<->*=0.5@0s", "duplicate c->b=0.9@0s", "delay b<->*=500ms±500ms@0s", "cut b<->*@0s", "crash b@0s", "pause b@0s",
	} {
		if arrivals(faults) != plain {
			t.Errorf("%s changes what a hears of c", faults)
		}
	}
	if arrivals("delay a<->*=500us±500us@0s") == plain {
		t.Error("a slower link to a changes nothing")
	}
}

func TestRepeatableFindsOutsideState(t *testing.T) {
	calls := 0
	scenario := func(w *sim.World) error {
		calls++
		w.Add("a", scripted(script{init: func(env *sim.Env) { env.Trace("call %d", calls) }}))
		return w.Run()
	}
	err := sim.Repeatable(sim.Config{Seed: 9}, scenario)
	if err == nil || !strings.Contains(err.Error(), `trace line 1 is "0.000000000 a | call 1" and "0.000000000 a | call 2"`) || !strings.Contains(err.Error(), "seed 9") {
		t.Errorf("got %v", err)
	}
	silent := func(*sim.World) error { calls++; return fmt.Errorf("call %d", calls) }
	if err := sim.Repeatable(sim.Config{}, silent); err == nil {
		t.Error("two different errors pass")
	}
}

func TestTraceLines(t *testing.T) {
	type opaque struct{ p *int }
	w := newWorld(t, sim.Config{Trace: true, Sync: sim.Delay{Base: ms}}, "cut a<->b@2ms\ncrash a@5ms..6ms")
	var b sim.ID
	w.Add("a", scripted(script{
		init: func(env *sim.Env) { env.SetTimer(1500*time.Microsecond, 7) },
		timer: func(env *sim.Env, tag uint64) {
			env.Send(b, opaque{new(int)})
			env.Send(b, "two\nlines")
			env.Disk().Sync(4)
			if tag == 7 {
				env.SetTimer(ms, 8)
			}
		},
	}))
	b = w.Add("b", scripted(script{receive: func(env *sim.Env, _ sim.ID, _ any) { env.Trace("heard %d", 1) }}))
	mustRun(t, w)
	want := `0.001500000 a timer 7
0.001500000 b recv a sim_test.opaque
0.001500000 b | heard 1
0.001500000 b recv a two\nlines
0.001500000 b | heard 1
0.002000000 - fault cut a<->b@2ms
0.002500000 a synced 4
0.002500000 a timer 8
0.002500000 b lost a cut sim_test.opaque
0.002500000 b lost a cut two\nlines
0.003500000 a synced 4
0.005000000 - fault crash a@5ms..6ms
0.006000000 - over crash a@5ms..6ms
0.007500000 a timer 7
0.007500000 b lost a cut sim_test.opaque
0.007500000 b lost a cut two\nlines
0.008500000 a synced 4
0.008500000 a timer 8
0.008500000 b lost a cut sim_test.opaque
0.008500000 b lost a cut two\nlines
0.009500000 a synced 4
`
	if got := string(w.Trace()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLimits(t *testing.T) {
	flood := script{init: func(env *sim.Env) { env.SetTimer(ms, 0) }, timer: func(env *sim.Env, _ uint64) {
		for range 100 {
			env.Send(env.ID(), 1)
		}
		env.Trace("a line of the trace")
		if err := env.Disk().Append("log", make([]byte, 1000)); err != nil {
			env.Fail(err)
		}
		env.SetTimer(ms, 0)
	}}
	for name, limits := range map[string]sim.Limits{
		"Events":  {Events: 1000},
		"Time":    {Time: 50 * ms},
		"Pending": {Pending: 90},
		"Disk":    {Disk: 10_000},
		"Trace":   {Trace: 10_000},
		"Faults":  {Faults: 1},
	} {
		w := newWorld(t, sim.Config{Limits: limits, Trace: true}, "crash a@3600s\nrestart a@3600s")
		w.Add("a", scripted(flood))
		err := w.Run()
		var over *sim.LimitError
		if !errors.As(err, &over) || over.Limit != name || !strings.Contains(err.Error(), "Limits."+name+" = ") {
			t.Errorf("%s: got %v", name, err)
		}
		if again := w.RunUntil(time.Second); !errors.Is(again, err) {
			t.Errorf("%s: the next run says %v", name, again)
		}
	}
}

// Backlogs of paused nodes count as pending: nothing grows without a bound.
func TestBacklogIsBounded(t *testing.T) {
	w := newWorld(t, sim.Config{Limits: sim.Limits{Pending: 50}}, "pause a@0s")
	a := w.Add("a", scripted(script{}))
	w.Add("b", scripted(ticker(ms, 100, func(env *sim.Env, _ uint64) { env.Send(a, 1) })))
	var over *sim.LimitError
	if err := w.Run(); !errors.As(err, &over) || over.Limit != "Pending" {
		t.Errorf("got %v", err)
	}
}

// What no longer waits, because it was taken or its receiver crashed, does not
// count any more: neither too long nor twice.
func TestBacklogIsCountedExactly(t *testing.T) {
	const bound = 50
	cycle := func(i int, ending string) string {
		return fmt.Sprintf("pause a@%dms\n", 1000*i) + fmt.Sprintf(ending+"\n", 1000*i+30, 1000*i+31)
	}
	var faults strings.Builder
	for i := range 10 {
		faults.WriteString(cycle(2*i, "resume a@%dms # before %dms") + cycle(2*i+1, "crash a@%dms..%dms"))
	}
	for _, last := range []string{"resume a", "crash a"} {
		for length, fits := range map[int]bool{bound - 5: true, bound + 5: false} {
			w := newWorld(t, sim.Config{Limits: sim.Limits{Pending: bound}}, "")
			a := w.Add("a", scripted(script{}))
			w.Add("b", scripted(ticker(ms, 30_000, func(env *sim.Env, _ uint64) { env.Send(a, 1) })))
			all, err := sim.ParseSchedule(faults.String() + fmt.Sprintf("pause a@25s\n%s@%dms", last, 25_000+length))
			must(err)
			for _, f := range all { // one by one: they are pending too
				if w.RunUntil(f.At-1) == nil {
					must(w.Inject(f))
				}
			}
			if err := w.RunUntil(26 * time.Second); (err == nil) != fits {
				t.Errorf("%d messages wait for the end by %s, with a bound of %d: %v", length, last, bound, err)
			}
		}
	}
}

func TestRunUntilBeyondTheTimeLimit(t *testing.T) {
	w := newWorld(t, sim.Config{Limits: sim.Limits{Time: time.Second}}, "")
	if err := w.RunUntil(time.Second); err != nil {
		t.Error(err)
	}
	if err := w.RunUntil(time.Second + 1); err == nil {
		t.Error("a world without events runs past its time limit")
	}
}

func TestStopAndFail(t *testing.T) {
	w := newWorld(t, sim.Config{}, "")
	stopped := 0
	w.Add("a", scripted(ticker(ms, 10, func(env *sim.Env, i uint64) {
		switch i {
		case 2:
			stopped++
			env.Stop()
		case 5:
			env.Fail(errors.New("two leaders"))
			env.Fail(errors.New("later"))
		}
	})))
	mustRun(t, w)
	if w.Now() != 3*ms || stopped != 1 {
		t.Errorf("stopped at %v, want 3ms", w.Now())
	}
	if err := w.RunUntil(time.Second); err == nil || err.Error() != "at 6ms a: two leaders" {
		t.Errorf("got %v", err)
	}
}

func TestClocks(t *testing.T) {
	for _, c := range []sim.Clock{{}, {Offset: time.Hour}, {PPM: 100_000}, {PPM: -100_000}, {Offset: ms, PPM: 37}} {
		w := newWorld(t, sim.Config{}, "")
		var last time.Duration
		a := w.Add("a", scripted(script{
			init: func(env *sim.Env) { last = env.Now(); env.SetTimer(0, 0) },
			timer: func(env *sim.Env, i uint64) {
				want := last + time.Duration(i)*7919*time.Microsecond
				if got := env.Now(); got < want || got > want+1 {
					t.Errorf("%+v: timer %d came at %v on its own clock, want %v", c, i, got, want)
				}
				last = env.Now()
				if i < 100 {
					env.SetTimer(time.Duration(i+1)*7919*time.Microsecond, i+1)
				}
			},
		}))
		w.SetClock(a, c)
		mustRun(t, w)
		elapsed := float64(last - c.Offset)
		if rate := elapsed / float64(w.Now()); rate < 1+float64(c.PPM)/1e6-1e-6 || rate > 1+float64(c.PPM)/1e6+1e-6 {
			t.Errorf("%+v ran at %v", c, rate)
		}
	}
}

// Whoever builds a world wrongly is told so by the next run.
func TestMisuse(t *testing.T) {
	plain := scripted(script{})
	for name, c := range map[string]struct {
		build func(*sim.World)
		says  string
	}{
		"same name twice": {func(w *sim.World) { w.Add("a", plain) }, "two nodes are called a"},
		"bad name":        {func(w *sim.World) { w.Add("a b", plain) }, `"a b" cannot name a node`},
		"no start":        {func(w *sim.World) { w.Add("b", nil) }, "no start function"},
		"nil node":        {func(w *sim.World) { w.Add("b", func() sim.Node { return nil }) }, "returned nil"},
		"no such link":    {func(w *sim.World) { w.SetLink(0, 5, sim.Link{}) }, "the world has 1 nodes"},
		"bad drop":        {func(w *sim.World) { w.SetLink(0, 0, sim.Link{Drop: 1.5}) }, "Drop is 1.5"},
		"bad delay":       {func(w *sim.World) { w.SetLink(0, 0, constant(-1)) }, "Delay"},
		"bad clock":       {func(w *sim.World) { w.SetClock(0, sim.Clock{PPM: 1e6}) }, "PPM"},
		"late clock": {func(w *sim.World) {
			_ = w.RunUntil(0)
			w.SetClock(0, sim.Clock{})
		}, "already run"},
		"node while running": {func(w *sim.World) {
			w.Add("b", scripted(script{init: func(*sim.Env) { w.Add("c", plain) }}))
		}, "while the world runs"},
		"run while running": {func(w *sim.World) {
			w.Add("b", scripted(script{init: func(env *sim.Env) { env.Fail(w.Run()) }}))
		}, "while the world runs"},
		"EndFaults while running": {func(w *sim.World) {
			w.Add("b", scripted(script{init: func(*sim.Env) { w.EndFaults() }}))
		}, "while the world runs"},
		"sync without Synced": {func(w *sim.World) {
			w.Add("b", func() sim.Node { return noSync{&script{init: func(env *sim.Env) { env.Disk().Sync(1) }}} })
		}, "no method Synced"},
		"unknown receiver": {func(w *sim.World) {
			w.Add("b", scripted(script{init: func(env *sim.Env) { env.Send(7, 1) }}))
		}, "b: sends to node 7"},
	} {
		w := newWorld(t, sim.Config{}, "")
		w.Add("a", plain)
		c.build(w)
		if err := w.Run(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	for name, cfg := range map[string]sim.Config{
		"negative limit": {Limits: sim.Limits{Events: -1}},
		"endless":        {Limits: sim.Limits{Time: 1e6 * time.Hour}},
		"drop":           {Network: sim.Link{Drop: -1}},
		"sync":           {Sync: sim.Delay{Tail: -1}},
	} {
		if _, err := sim.New(cfg); err == nil {
			t.Errorf("%s: %+v makes a world", name, cfg)
		}
		if out := sim.Run(cfg, gossip); out.Err == nil {
			t.Errorf("%s: %+v runs", name, cfg)
		}
	}
}

// noSync hides the method Synced.
type noSync struct{ s *script }

func (n noSync) Init(env *sim.Env)            { n.s.Init(env) }
func (n noSync) Receive(from sim.ID, msg any) { n.s.Receive(from, msg) }
func (n noSync) Timer(tag uint64)             { n.s.Timer(tag) }
