package balancer_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

const (
	interval = 100 * time.Millisecond
	doubt    = 700 * time.Millisecond
)

// model is the balancer as one would write it without a thought for speed:
// everything is worked out anew from what happened.
type model struct {
	now   time.Duration
	told  time.Duration // the last time that the balancer was told
	rows  map[string]*modelRow
	heard bool
}

type modelRow struct {
	balancer.Member
	picks     int64
	assigned  int
	counted   time.Duration
	reports   []modelReport // accepted ones, in order
	suspected time.Duration // 0: not
}

type modelReport struct {
	balancer.Report
	at time.Duration
}

func (r *modelRow) last() (rep modelReport, ok bool) {
	if len(r.reports) == 0 {
		return modelReport{}, false
	}
	return r.reports[len(r.reports)-1], true
}

func (m *model) recent(r *modelRow) bool {
	rep, ok := r.last()
	return ok && m.now-rep.at < 3*interval
}

// errors averages the reported error rates with a memory of one second: each
// report speaks for the time since the one before, the first one for ever.
func (r *modelRow) errors() float64 {
	var rate float64
	for i, rep := range r.reports {
		if i == 0 {
			rate = rep.EPS
			continue
		}
		w := math.Exp(-(rep.at - r.reports[i-1].at).Seconds())
		rate = w*rate + (1-w)*rep.EPS
	}
	return rate
}

// work is the rate and the utilisation over the last five seconds of reports,
// each of which speaks for the time since the one before. Nothing is said until
// they cover those five seconds, and thirty requests.
func (r *modelRow) work() (qps, utilization float64) {
	var covered, all float64
	for i, rep := range r.reports {
		if i == 0 {
			continue
		}
		since := rep.at - r.reports[i-1].at
		w := (1 - math.Exp(-since.Seconds()/5)) * math.Exp(-(r.reports[len(r.reports)-1].at-rep.at).Seconds()/5)
		qps, utilization, all = qps+w*rep.QPS, utilization+w*rep.Utilization, all+w
		covered += since.Seconds()
	}
	if covered < 5 || 5*qps/all < 30 {
		return 0, 0
	}
	return qps / all, utilization / all
}

// latency is the moving average of what was reported, in seconds.
func (r *modelRow) latency() (p policy.Peak) {
	for _, rep := range r.reports {
		if rep.Latency > 0 {
			p = p.Observe(rep.at, rep.Latency.Seconds())
		}
	}
	return p
}

// silent: it has stopped reporting for no longer than doubt.
func (m *model) silent(r *modelRow) bool {
	rep, ok := r.last()
	return ok && !m.recent(r) && m.now < rep.at+3*interval+doubt
}

// table returns what the policy should see, and resets the counts that a
// silent server starts afresh.
func (m *model) table() []policy.Server {
	m.told = m.now
	var some, rest []*modelRow
	for _, r := range m.rows {
		rep, _ := r.last()
		switch {
		case rep.Draining:
		case m.suspect(r):
			rest = append(rest, r)
		default:
			some = append(some, r)
		}
	}
	if len(some) == 0 {
		some = rest
	}
	var sum, n float64
	for _, r := range some {
		if rep, _ := r.last(); m.recent(r) {
			sum, n = sum+float64(rep.InFlight), n+1
		}
	}
	var out []policy.Server
	for _, r := range some {
		rep, _ := r.last()
		s := policy.Server{ID: r.ID, Revision: r.Revision, Capacity: r.Capacity, Latency: r.latency()}
		s.Silent = m.silent(r) && 2*int(n) >= len(some)
		switch {
		case m.recent(r):
			s.InFlight, s.ErrorRate = float64(rep.InFlight), r.errors()
			s.QPS, s.Utilization = r.work()
		case n > 0:
			s.InFlight = sum / n
			if !m.heard || m.now-r.counted >= interval {
				r.assigned, r.counted = 0, m.now
			}
		}
		s.Assigned = r.assigned
		out = append(out, s)
	}
	m.heard = n > 0
	slices.SortFunc(out, func(a, b policy.Server) int {
		if a.Revision != b.Revision {
			return int(a.Revision - b.Revision)
		}
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
	return out
}

func (m *model) suspect(r *modelRow) bool { return r.suspected > 0 && m.now < r.suspected }

func (m *model) join(in balancer.Member) {
	r, known := m.rows[in.ID]
	switch {
	case known && in.Revision < r.Revision:
	case known && r.Instance == in.Instance:
		r.Member = in
	default:
		m.rows[in.ID] = &modelRow{Member: in, counted: m.told}
	}
}

func (m *model) current(id, instance string) *modelRow {
	if r, ok := m.rows[id]; ok && r.Instance == instance {
		return r
	}
	return nil
}

func (m *model) report(rep balancer.Report) error {
	m.told = m.now
	r := m.current(rep.ID, rep.Instance)
	if r == nil {
		return balancer.ErrUnknownServer
	}
	if last, ok := r.last(); ok && rep.Sequence <= last.Sequence {
		return nil
	}
	r.reports = append(r.reports, modelReport{rep, m.now})
	r.assigned, r.counted, r.suspected = 0, m.now, 0
	return nil
}

// spy is a policy that picks at random and keeps what it was shown.
type spy struct{ seen []policy.Server }

func (s *spy) Pick(_ time.Duration, servers []policy.Server, rng *rand.Rand) int {
	s.seen = slices.Clone(servers)
	return rng.IntN(len(servers))
}

// TestModel does random things to a balancer and to the model; after each
// pick, what the policy saw must be what the model says.
func TestModel(t *testing.T) {
	for range 10 { // a hundred histories each
		rapid.Check(t, checkModel)
	}
}

func checkModel(t *rapid.T) {
	eye := &spy{}
	b := balancer.New(balancer.Config{Policy: eye, Rand: rand.New(rand.NewPCG(1, 2)), Service: "s", Interval: interval, Doubt: doubt})
	m := &model{rows: make(map[string]*modelRow)}
	sequence := uint64(3)
	id := rapid.SampledFrom([]string{"s1", "s2", "s3", "s4"})
	instance := rapid.SampledFrom([]string{"a", "a", "a", "b"})
	t.Repeat(map[string]func(*rapid.T){
		"join": func(t *rapid.T) {
			in := balancer.Member{
				ID: id.Draw(t, "id"), Instance: instance.Draw(t, "instance"), Address: "x", Capacity: 1,
				Revision: rapid.Int64Range(1, 12).Draw(t, "revision"),
			}
			if err := b.Join(in); err != nil {
				t.Fatal(err)
			}
			m.join(in)
		},
		"leave": func(t *rapid.T) {
			i, n := id.Draw(t, "id"), instance.Draw(t, "instance")
			known := m.current(i, n) != nil
			if known {
				delete(m.rows, i)
			}
			if b.Leave(i, n) != known {
				t.Fatalf("Leave(%s, %s) returned %v", i, n, !known)
			}
		},
		"report": func(t *rapid.T) {
			sequence++
			rep := balancer.Report{
				ID: id.Draw(t, "id"), Instance: instance.Draw(t, "instance"), Sequence: sequence - rapid.Uint64Range(0, 3).Draw(t, "late"),
				InFlight: rapid.Int64Range(0, 20).Draw(t, "in flight"), EPS: float64(rapid.IntRange(0, 3).Draw(t, "eps")),
				QPS: float64(rapid.SampledFrom([]int{0, 5, 50}).Draw(t, "qps")), Utilization: rapid.Float64Range(0, 1).Draw(t, "utilization"),
				Latency:  time.Duration(rapid.IntRange(0, 50).Draw(t, "latency")) * time.Millisecond,
				Draining: rapid.IntRange(0, 5).Draw(t, "draining") == 0,
			}
			if got, want := b.Report(m.now, rep), m.report(rep); !errors.Is(got, want) {
				t.Fatalf("Report(%+v) = %v, want %v", rep, got, want)
			}
		},
		"fail": func(t *rapid.T) {
			i, n := id.Draw(t, "id"), instance.Draw(t, "instance")
			b.Fail(m.now, i, n)
			m.told = m.now
			if r := m.current(i, n); r != nil {
				r.suspected = m.now + 3*interval
			}
		},
		"tick":  func(t *rapid.T) { m.now += time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond },
		"wait":  func(*rapid.T) { m.now += 2 * time.Second },
		"pick":  func(t *rapid.T) { m.pick(t, b, eye) },
		"picks": func(t *rapid.T) { m.pick(t, b, eye) }, // twice as likely as the rest
		"rows":  func(t *rapid.T) { m.compareRows(t, b) },
	})
}

func (m *model) pick(t *rapid.T, b *balancer.Balancer, eye *spy) {
	want := m.table()
	got, err := b.Pick(m.now)
	if len(want) == 0 {
		var none *balancer.NoServerError
		if !errors.As(err, &none) || none.Service != "s" {
			t.Fatalf("Pick without servers: %+v, %v", got, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b policy.Server) bool {
		for _, x := range [][2]*float64{{&a.ErrorRate, &b.ErrorRate}, {&a.QPS, &b.QPS}, {&a.Utilization, &b.Utilization}} {
			if math.Abs(*x[0]-*x[1]) > 1e-9 {
				return false
			}
			*x[0] = *x[1]
		}
		return a == b
	}
	if !slices.EqualFunc(eye.seen, want, same) {
		t.Fatalf("at %v the policy saw\n%+v\nwant\n%+v", m.now, eye.seen, want)
	}
	r := m.current(got.ID, got.Instance)
	if r == nil || got.Address != r.Address {
		t.Fatalf("picked %+v, which is not in the table", got)
	}
	r.assigned++
	r.picks++
}

func (m *model) compareRows(t *rapid.T, b *balancer.Balancer) {
	m.table()
	rows := b.Rows(m.now)
	if len(rows) != len(m.rows) {
		t.Fatalf("%d rows, want %d", len(rows), len(m.rows))
	}
	for _, got := range rows {
		r := m.rows[got.ID]
		rep, ok := r.last()
		want := balancer.Row{
			Member: r.Member, Picks: r.picks, InFlight: rep.InFlight, Utilization: rep.Utilization,
			Assigned: r.assigned, ReportAge: -1, Draining: rep.Draining, Suspect: m.suspect(r),
		}
		if ok {
			want.ReportAge = m.now - rep.at
		}
		if got != want {
			t.Fatalf("row\n%+v\nwant\n%+v", got, want)
		}
	}
}

// TestIndexedPicks holds what the index picks against the plain rule: nobody in
// the table that the model works out has a lower score.
func TestIndexedPicks(t *testing.T) {
	for range 3 {
		rapid.Check(t, func(t *rapid.T) {
			eye := &scoredSpy{}
			b := balancer.New(balancer.Config{Policy: eye, Rand: rand.New(rand.NewPCG(1, 2)), Interval: interval, Doubt: doubt})
			m := &model{rows: make(map[string]*modelRow)}
			for i := range rapid.IntRange(1, 40).Draw(t, "n") {
				in := balancer.Member{
					ID: name(i), Instance: "a", Address: "x",
					Capacity: rapid.SampledFrom([]float64{0.2, 1}).Draw(t, "capacity"), Revision: int64(i),
				}
				if err := b.Join(in); err != nil {
					t.Fatal(err)
				}
				m.join(in)
			}
			for seq := range uint64(rapid.IntRange(1, 60).Draw(t, "steps")) {
				m.step(t, b, seq)
			}
		})
	}
}

// step is a report of anyone, a moment of time, or some picks.
func (m *model) step(t *rapid.T, b *balancer.Balancer, seq uint64) {
	who := name(rapid.IntRange(0, len(m.rows)-1).Draw(t, "who"))
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0, 1:
		rep := balancer.Report{
			ID: who, Instance: "a", Sequence: seq + 1, InFlight: rapid.Int64Range(0, 3).Draw(t, "in flight"),
			Draining: rapid.IntRange(0, 9).Draw(t, "draining") == 0,
		}
		if got, want := b.Report(m.now, rep), m.report(rep); !errors.Is(got, want) {
			t.Fatalf("Report(%+v) = %v, want %v", rep, got, want)
		}
	case 2:
		m.now += time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond
	default:
		for range rapid.IntRange(1, 10).Draw(t, "picks") {
			m.lowest(t, b)
		}
	}
}

// lowest picks, and fails unless the pick has the lowest score.
func (m *model) lowest(t *rapid.T, b *balancer.Balancer) {
	table, rule := m.table(), policy.LeastLoad.New().(policy.Scored)
	got, err := b.Pick(m.now)
	if len(table) == 0 {
		if err == nil {
			t.Fatalf("picked %+v from nobody", got)
		}
		return
	}
	least, picked := math.Inf(1), math.NaN()
	for i := range table {
		s := rule.Score(&table[i])
		if least = min(least, s); table[i].ID == got.ID {
			picked = s
		}
	}
	if picked != least {
		t.Fatalf("at %v picked %s with score %v (error %v), the lowest is %v: %+v", m.now, got.ID, picked, err, least, table)
	}
	r := m.rows[got.ID]
	r.assigned++
	r.picks++
}

// scoredSpy is least_load by its score alone.
type scoredSpy struct{ policy.Policy }

func (*scoredSpy) Score(s *policy.Server) float64 {
	return policy.LeastLoad.New().(policy.Scored).Score(s)
}

// First implements [policy.Scored].
func (*scoredSpy) First() bool { return false }

// The herd runs to the first of the lowest, found by the index as by the rule.
func TestIndexedHerd(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n < 40; n++ {
		b := balancer.New(balancer.Config{Policy: policy.LeastReported.New(), Rand: rng})
		table := make([]policy.Server, n)
		for i := range table {
			table[i] = policy.Server{ID: name(i), Capacity: 1, InFlight: float64(rng.IntN(4))}
			m := balancer.Member{ID: name(i), Instance: "a", Address: "x", Capacity: 1, Revision: int64(i)}
			if err := b.Join(m); err != nil {
				t.Fatal(err)
			}
			if err := b.Report(0, balancer.Report{ID: name(i), Instance: "a", InFlight: int64(table[i].InFlight)}); err != nil {
				t.Fatal(err)
			}
		}
		want := table[policy.LeastReported.New().Pick(0, table, nil)].ID
		for k := range 3 { // its own picks change nothing
			if got, err := b.Pick(0); err != nil || got.ID != want {
				t.Errorf("%d servers, pick %d: %s, %v; want %s", n, k, got.ID, err, want)
			}
		}
	}
}

// Each of the tied is picked with the same chance, whatever lies between them:
// of 30,000 picks among 3 of 5 each has a third, within five standard
// deviations.
func TestIndexedTies(t *testing.T) {
	b := balancer.New(balancer.Config{Policy: policy.LeastLoad.New(), Rand: rand.New(rand.NewPCG(1, 2))})
	for i := range 5 {
		if err := b.Join(balancer.Member{ID: name(i), Instance: "a", Address: "x", Capacity: 1, Revision: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	const picks = 30_000
	counts := make(map[string]int)
	for k := range picks {
		for i, load := range []int64{2, 5, 2, 3, 2} {
			if err := b.Report(0, balancer.Report{ID: name(i), Instance: "a", Sequence: uint64(k + 1), InFlight: load}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := b.Pick(0)
		if err != nil {
			t.Fatal(err)
		}
		counts[p.ID]++
	}
	for _, id := range []string{"s1", "s3", "s5"} {
		if off := math.Abs(float64(counts[id]) - picks/3); off > 5*math.Sqrt(picks*2/9.) {
			t.Errorf("picks %v, want a third of %d for each of s1, s3 and s5", counts, picks)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, m := range policy.All {
		for _, n := range []int{12, 10_000} {
			b.Run(fmt.Sprintf("policy=%s/servers=%d", m.Name, n), func(b *testing.B) {
				core := balancer.New(balancer.Config{Policy: m.New(), Rand: rand.New(rand.NewPCG(1, 2))})
				var now time.Duration
				for i := range n {
					id := fmt.Sprintf("s%d", i)
					if err := core.Join(balancer.Member{ID: id, Instance: "a", Address: id, Capacity: 1, Revision: int64(i)}); err != nil {
						b.Fatal(err)
					}
					if err := core.Report(now, balancer.Report{ID: id, Instance: "a", InFlight: int64(i % 9)}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := core.Pick(now); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
