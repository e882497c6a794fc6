package sim_test

import (
	"fmt"
	"testing"
	"time"

	"dyno/bench/sim"
)

// pinger sends a message to a random node whenever it gets one, and does one
// timer, set anew and once in four times cancelled, per message.
type pinger struct {
	env   *sim.Env
	nodes int
	timer sim.TimerID
}

func (p *pinger) Init(env *sim.Env) { p.env = env; env.SetTimer(0, 0) }
func (p *pinger) Timer(uint64)      { p.env.Send(sim.ID(p.env.Rand().IntN(p.nodes)), p) }

func (p *pinger) Receive(sim.ID, any) {
	if p.env.Rand().IntN(4) == 0 {
		p.env.Cancel(p.timer)
	}
	p.timer = p.env.SetTimer(time.Duration(p.env.Rand().IntN(int(ms))), 1)
}

func benchmarkEvents(b *testing.B, nodes int, cfg sim.Config, faults string) {
	s, err := sim.ParseSchedule(faults)
	must(err)
	cfg.Seed, cfg.Faults = 1, s
	cfg.Limits.Events, cfg.Limits.Time = 1<<62, 10_000*time.Hour
	w, err := sim.New(cfg)
	must(err)
	for i := range nodes {
		w.Add(fmt.Sprintf("s%d", i), func() sim.Node { return &pinger{nodes: nodes} })
	}
	w.Add("clock", scripted(script{init: func(env *sim.Env) { env.SetTimer(ms, 0) }, timer: func(env *sim.Env, _ uint64) {
		for to := range sim.ID(nodes) { // to make up for cancelled timers
			env.Send(to, nil)
		}
		env.SetTimer(100*ms, 0)
	}}))
	must(w.RunUntil(time.Second))
	before := w.Stats().Events
	b.ReportAllocs()
	b.ResetTimer()
	for w.Stats().Events-before < uint64(b.N) {
		must(w.RunUntil(w.Now() + 10*ms))
	}
	b.ReportMetric(float64(w.Stats().Events-before)/b.Elapsed().Seconds(), "events/s")
}

// One operation is one event: a message or a timer.
func BenchmarkEvents(b *testing.B) {
	jitter := sim.Link{Delay: sim.Delay{Base: ms, Tail: ms}, Drop: 0.001, Duplicate: 0.001}
	b.Run("nodes=5", func(b *testing.B) { benchmarkEvents(b, 5, sim.Config{Network: constant(ms)}, "") })
	b.Run("nodes=5/jitter", func(b *testing.B) { benchmarkEvents(b, 5, sim.Config{Network: jitter}, "") })
	b.Run("nodes=5/faults", func(b *testing.B) {
		benchmarkEvents(b, 5, sim.Config{Network: jitter}, "cut s0<->s1@0s\ndrop=0.01@0s\ndelay s2<->*=500us±500us@0s")
	})
	b.Run("nodes=1000/jitter", func(b *testing.B) { benchmarkEvents(b, 1000, sim.Config{Network: jitter}, "") })
}

// One operation is one world of a hunt: a schedule, three nodes, 1.2 virtual seconds.
func BenchmarkHuntedWorlds(b *testing.B) {
	h := replicaHunt(correct, 2, 1)
	events := uint64(0)
	b.ReportAllocs()
	for seed := uint64(0); b.Loop(); seed++ {
		faults, err := sim.Generate(seed, h.Profile)
		must(err)
		cfg := h.Config
		cfg.Seed, cfg.Faults = seed, faults
		events += sim.Run(cfg, h.Scenario).Stats.Events
	}
	b.ReportMetric(float64(events)/float64(b.N), "events/op")
}
