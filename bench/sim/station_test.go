package sim_test

import (
	"math"
	"testing"
	"time"

	"dyno/bench/sim"
)

// queueing sends customers from a Poisson source over the network to a node
// with one server, and returns the means of the time in the system and of the
// waiting time, and the share of time that the server was busy.
func queueing(t *testing.T, load float64, service sim.Delay, customers uint64) (sojourn, wait, busy float64) {
	t.Helper()
	w := newWorld(t, sim.Config{Seed: 11}, "")
	gap := sim.Delay{Tail: time.Duration(float64(service.Mean()) / load)}
	w.Add("source", scripted(script{
		init: func(env *sim.Env) { env.SetTimer(gap.Sample(env.Rand()), 1) },
		timer: func(env *sim.Env, n uint64) {
			env.Send(1, nil)
			if n < customers {
				env.SetTimer(gap.Sample(env.Rand()), n+1)
			}
		},
	}))
	var station sim.Station
	came := make([]time.Duration, 0, customers)
	var sum, waits time.Duration
	w.Add("server", scripted(script{
		receive: func(env *sim.Env, _ sim.ID, _ any) {
			begin, end := station.Admit(env.Now(), service.Sample(env.Rand()))
			waits += begin - env.Now()
			env.SetTimer(end-env.Now(), uint64(len(came)))
			came = append(came, env.Now())
		},
		timer: func(env *sim.Env, n uint64) { sum += env.Now() - came[n] },
	}))
	mustRun(t, w)
	if uint64(len(came)) != customers || station.Backlog(w.Now()) != 0 {
		t.Fatalf("%d customers came of %d, %v of work is left", len(came), customers, station.Backlog(w.Now()))
	}
	n, s := float64(customers), float64(service.Mean())
	return float64(sum) / n / s, float64(waits) / n / s, float64(station.Busy(w.Now())) / float64(w.Now())
}

// Means in units of the mean service time, by Pollaczek and Khinchine: the
// wait is ρ(1+c²)/2(1−ρ), with c² = 1 for M/M/1, 0 for M/D/1, and for a service
// uniform between 0 and 2 a third.
func TestQueuesAgreeWithTheory(t *testing.T) {
	for name, c := range map[string]struct {
		service sim.Delay
		square  float64
	}{
		"M/M/1": {sim.Delay{Tail: ms}, 1},
		"M/D/1": {sim.Delay{Base: ms}, 0},
		"M/U/1": {sim.Delay{Spread: 2 * ms}, 1.0 / 3},
	} {
		for _, load := range []float64{0.3, 0.7, 0.85} {
			sojourn, wait, busy := queueing(t, load, c.service, 600_000)
			want := load * (1 + c.square) / 2 / (1 - load)
			for _, figure := range []struct {
				what      string
				got, want float64
			}{{"wait", wait, want}, {"time in system", sojourn, 1 + want}, {"utilisation", busy, load}} {
				if math.Abs(figure.got/figure.want-1) > 0.03 {
					t.Errorf("%s at load %v: %s %.4f, want %.4f within 3 %%", name, load, figure.what, figure.got, figure.want)
				}
			}
		}
	}
}

func TestStation(t *testing.T) {
	var s sim.Station
	for _, c := range []struct{ at, service, begin, end time.Duration }{
		{10, 5, 10, 15}, {12, 5, 15, 20}, {20, 1, 20, 21}, {30, 0, 30, 30}, {40, 10, 40, 50},
	} {
		if begin, end := s.Admit(c.at, c.service); begin != c.begin || end != c.end {
			t.Errorf("at %d: from %d to %d, want %d to %d", c.at, begin, end, c.begin, c.end)
		}
	}
	if s.Busy(45) != 16 || s.Backlog(45) != 5 || s.Busy(60) != 21 || s.Backlog(60) != 0 {
		t.Errorf("busy %d, backlog %d", s.Busy(45), s.Backlog(45))
	}
}
