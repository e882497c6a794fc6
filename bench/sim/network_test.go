package sim_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dyno/bench/sim"
	"pgregory.net/rapid"
)

// traffic sends n messages, one per millisecond, and returns when each came
// and the world's counts.
func traffic(t *testing.T, n uint64, link sim.Link, faults string) (came [][]time.Duration, order []uint64, stats sim.Stats) {
	t.Helper()
	came = make([][]time.Duration, n)
	w := newWorld(t, sim.Config{Seed: 5, Network: link}, faults)
	to := sim.ID(1)
	w.Add("a", scripted(ticker(ms, n, func(env *sim.Env, i uint64) { env.Send(to, i) })))
	w.Add("b", scripted(script{receive: func(env *sim.Env, _ sim.ID, msg any) {
		i := msg.(uint64)
		came[i] = append(came[i], env.Now()-time.Duration(i+1)*ms)
		order = append(order, i)
	}}))
	mustRun(t, w)
	return came, order, w.Stats()
}

func TestConstantDelay(t *testing.T) {
	came, order, _ := traffic(t, 100, constant(5*ms), "")
	for i, at := range came {
		if !slices.Equal(at, []time.Duration{5 * ms}) {
			t.Fatalf("message %d took %v", i, at)
		}
	}
	if !slices.IsSorted(order) {
		t.Error("equal delays reorder")
	}
}

func TestDelayDistributions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []sim.Delay{{Base: ms}, {Base: ms, Spread: 4 * ms}, {Tail: 3 * ms}, {Base: ms, Spread: ms, Tail: ms}} {
		const n = 200_000
		var sum, squares float64
		low, high := d.Sample(rng), time.Duration(0)
		for range n {
			x := d.Sample(rng)
			low, high = min(low, x), max(high, x)
			sum += float64(x)
			squares += float64(x) * float64(x)
		}
		mean := sum / n
		if math.Abs(mean/float64(d.Mean())-1) > 0.01 {
			t.Errorf("%+v: mean %v, want %v", d, time.Duration(mean), d.Mean())
		}
		variance := float64(d.Spread)*float64(d.Spread)/12 + float64(d.Tail)*float64(d.Tail)
		if got := squares/n - mean*mean; math.Abs(got-variance) > 0.03*variance+1 {
			t.Errorf("%+v: variance %v, want %v", d, got, variance)
		}
		if low < d.Base || (d.Tail == 0 && high > d.Base+d.Spread) {
			t.Errorf("%+v: between %v and %v", d, low, high)
		}
	}
}

func TestReorderAndOrdered(t *testing.T) {
	jitter := sim.Link{Delay: sim.Delay{Spread: 20 * ms}}
	if _, order, _ := traffic(t, 1000, jitter, ""); len(order) != 1000 || slices.IsSorted(order) {
		t.Error("independent delays do not reorder")
	}
	jitter.Ordered = true
	if _, order, _ := traffic(t, 1000, jitter, "delay=25ms±25ms@0s"); len(order) != 1000 || !slices.IsSorted(order) {
		t.Error("an ordered link reorders or loses")
	}
	if _, order, _ := traffic(t, 1000, constant(ms), "delay=25ms±25ms@0s"); slices.IsSorted(order) {
		t.Error("a slow network does not reorder")
	}
}

// Rates over n messages must lie within five standard deviations.
func near(t *testing.T, what string, count uint64, n, p float64) {
	t.Helper()
	if math.Abs(float64(count)-n*p) > 5*math.Sqrt(n*p*(1-p)) {
		t.Errorf("%s: %d of %v, want about %v", what, count, n, n*p)
	}
}

func TestDropAndDuplicateRates(t *testing.T) {
	const n = 50_000
	link := sim.Link{Delay: sim.Delay{Tail: ms}, Drop: 0.1, Duplicate: 0.2}
	came, _, stats := traffic(t, n, link, "")
	near(t, "drop", stats.Dropped, n, 0.1)
	near(t, "duplicate", stats.Duplicated, n*0.9, 0.2)
	var lost, twice, alike uint64
	for _, at := range came {
		switch len(at) {
		case 0:
			lost++
		case 2:
			twice++
			if at[0] == at[1] {
				alike++
			}
		}
	}
	if lost != stats.Dropped || twice != stats.Duplicated {
		t.Errorf("%d lost and %d twice, but the world counts %+v", lost, twice, stats)
	}
	if alike > twice/100 {
		t.Errorf("%d of %d copies come together: they have no delay of their own", alike, twice)
	}
	_, _, stats = traffic(t, n, constant(ms), "drop=0.3@0s\ndrop a->b=0.5@0s\ndrop b->a=1@0s\nduplicate a<->b=0.25@0s")
	near(t, "two drops", stats.Dropped, n, 1-0.7*0.5)
	near(t, "duplicate fault", stats.Duplicated, float64(n-stats.Dropped), 0.25)
	if _, _, stats = traffic(t, n, constant(ms), "drop=1@0s"); stats.Delivered != 0 {
		t.Errorf("drop 1 lets %d through", stats.Delivered)
	}
}

func TestSlowAddsAUniformShare(t *testing.T) {
	came, _, _ := traffic(t, 2000, constant(ms), "delay=5ms±5ms@0s..1s")
	var sum time.Duration
	for i, at := range came {
		if i < 999 {
			if at[0] < ms || at[0] > 11*ms {
				t.Fatalf("message %d took %v", i, at[0])
			}
			sum += at[0] - ms
		} else if i > 999 && at[0] != ms {
			t.Fatalf("message %d took %v after the fault", i, at[0])
		}
	}
	if mean := sum / 999; mean < 4500*time.Microsecond || mean > 5500*time.Microsecond {
		t.Errorf("slower by %v in the mean, want 5ms", mean)
	}
}

// A cut loses what is sent or would arrive while it lasts, and only that; one
// way cuts only that way.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		faults string
		ab, ba bool // is that direction cut from 10 to 20 ms?
	}{
		{"cut a<->b@10ms..20ms", true, true},
		{"cut b<->a@10ms..20ms", true, true},
		{"cut a->b@10ms..20ms", true, false},
		{"cut *->b@10ms..20ms", true, false},
		{"cut b->*@10ms..20ms", false, true},
		{"cut a<->*@10ms..20ms", true, true},
		{"cut *<->c@10ms..20ms", false, false},
		{"cut@10ms..20ms", true, true},
		{"cut a<->b@10ms\nheal@20ms", true, true},
		{"cut a->b@10ms..15ms\ncut a->b@12ms..20ms", true, false},
	} {
		w := newWorld(t, sim.Config{Network: constant(2 * ms)}, c.faults)
		heard := [2][40]bool{}
		for i, name := range []string{"a", "b", "c"} {
			n := script{receive: func(_ *sim.Env, _ sim.ID, msg any) { heard[i][msg.(uint64)] = true }}
			if i < 2 {
				// at 0.5, 1.5, 2.5 … ms, to be sure what comes before what
				n.init = func(env *sim.Env) { env.SetTimer(ms/2, 0) }
				n.timer = func(env *sim.Env, tag uint64) {
					env.Send(sim.ID(1-i), tag)
					if tag < 39 {
						env.SetTimer(ms, tag+1)
					}
				}
			}
			w.Add(name, scripted(n))
		}
		mustRun(t, w)
		for i := range 40 {
			// sent at i+0.5 ms, would arrive at i+2.5 ms
			lost := i >= 8 && i < 20
			if got, want := heard[1][i], !c.ab || !lost; got != want {
				t.Errorf("%s: message %d from a to b arrived: %v, want %v", c.faults, i, got, want)
			}
			if got, want := heard[0][i], !c.ba || !lost; got != want {
				t.Errorf("%s: message %d from b to a arrived: %v, want %v", c.faults, i, got, want)
			}
		}
	}
}

func TestPartitionIntoGroups(t *testing.T) {
	w := newWorld(t, sim.Config{}, "cut a,b<->c,d@0s")
	heard := map[[2]sim.ID]bool{}
	for i, name := range []string{"a", "b", "c", "d", "client"} {
		w.Add(name, scripted(script{
			init: func(env *sim.Env) { env.SetTimer(ms, 0) },
			timer: func(env *sim.Env, _ uint64) {
				for to := range sim.ID(5) {
					env.Send(to, "hello")
				}
			},
			receive: func(_ *sim.Env, from sim.ID, _ any) { heard[[2]sim.ID{from, sim.ID(i)}] = true },
		}))
	}
	mustRun(t, w)
	for from := range sim.ID(5) {
		for to := range sim.ID(5) {
			cut := from < 2 && (to == 2 || to == 3) || to < 2 && (from == 2 || from == 3)
			if heard[[2]sim.ID{from, to}] == cut {
				t.Errorf("%d to %d: heard %v, cut %v", from, to, !cut, cut)
			}
		}
	}
}

func TestPerLinkRules(t *testing.T) {
	var d diary
	w := newWorld(t, sim.Config{Network: constant(ms)}, "")
	a := w.Add("a", scripted(d.listener()))
	b := w.Add("b", scripted(script{init: func(env *sim.Env) { env.Send(a, "slow"); env.Send(env.ID(), "self") }}))
	c := w.Add("c", scripted(script{init: func(env *sim.Env) { env.Send(a, "lost") }}))
	w.Add("d", scripted(script{init: func(env *sim.Env) { env.Send(a, "usual") }}))
	w.SetLink(b, a, constant(9*ms))
	w.SetLink(a, b, sim.Link{Drop: 1}) // the other way
	w.SetLink(c, a, sim.Link{Drop: 1})
	mustRun(t, w)
	d.want(t, "1ms 3 says usual", "9ms 1 says slow")
}

func TestCloneGuardsTheSender(t *testing.T) {
	send := func(clone func(any) any) (sent []int) {
		sent = []int{1, 2, 3}
		w := newWorld(t, sim.Config{Clone: clone, Network: sim.Link{Duplicate: 1}}, "")
		b := sim.ID(1)
		w.Add("a", scripted(script{init: func(env *sim.Env) { env.Send(b, sent) }}))
		w.Add("b", scripted(script{receive: func(_ *sim.Env, _ sim.ID, msg any) {
			got := msg.([]int)
			if clone != nil && got[0] != 1 {
				t.Error("the copies share memory")
			}
			got[0]++
		}}))
		mustRun(t, w)
		return sent
	}
	if got := send(nil); got[0] != 3 {
		t.Errorf("without Clone the sender has %v: are messages copied after all?", got)
	}
	if got := send(func(m any) any { return slices.Clone(m.([]int)) }); got[0] != 1 {
		t.Errorf("with Clone the sender has %v", got)
	}
}

// Every message comes to exactly one end, whatever goes wrong.
func TestMessagesAreConserved(t *testing.T) {
	profile := sim.Profile{Nodes: []string{"s0", "s1", "s2"}, Until: 200 * ms, Faults: 20}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		faults, err := sim.Generate(seed, profile)
		if err != nil {
			t.Fatal(err)
		}
		out := sim.Run(sim.Config{
			Seed: seed, Faults: faults,
			Network: sim.Link{Delay: sim.Delay{Tail: 5 * ms}, Drop: 0.05, Duplicate: 0.05},
		}, func(w *sim.World) error {
			for _, name := range profile.Nodes {
				w.Add(name, scripted(ticker(ms, 300, func(env *sim.Env, i uint64) { env.Send(sim.ID(i%3), i) })))
			}
			return w.Run()
		})
		s := out.Stats
		if out.Err != nil || s.Sent+s.Duplicated != s.Delivered+s.Dropped+s.Cut+s.Missed || s.Delivered == 0 {
			t.Fatalf("%v %+v\n%v", out.Err, s, faults)
		}
	})
}
