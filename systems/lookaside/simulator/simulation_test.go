package simulator

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"dyno/bench/queue"
	"dyno/bench/sim"
	"dyno/internal/record"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/core/theory"
)

const simMean = 20 * time.Millisecond

func simulation(t testing.TB, policy string, servers int) Simulation {
	t.Helper()
	d, err := queue.NewDistribution("exp", simMean)
	if err != nil {
		t.Fatal(err)
	}
	return Simulation{Policy: policy, Capacities: slices.Repeat([]float64{1}, servers), Service: d, Seed: 1}
}

func simulate(t testing.TB, s Simulation) Result {
	t.Helper()
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Mean response times in units of the mean service time, twelve servers,
// Poisson arrivals. Round robin gives each server Erlang-12 arrivals, so the
// closed form is that of GI/M/1; the values of least_load are simulated ones
// from elsewhere. The lengths are such that 3 % is more than three standard
// errors, which the test checks rather than trusts. The higher the load, the
// longer it takes: of round robin 0.95 is in TestSimulatedTrialsAgreeWithTheory.
func TestSimulatedResponseAgreesWithTheory(t *testing.T) {
	for _, c := range []struct {
		policy   string
		load     float64
		interval time.Duration // of reports, in mean service times; 0: at once
		want     float64
		requests int
	}{
		{"round_robin", 0.5, simMean, theory.Of("round_robin", 12, 0.5, 0).Mean, 200_000},
		{"round_robin", 0.8, simMean, theory.Of("round_robin", 12, 0.8, 0).Mean, 800_000},
		{"least_load", 0.5, 0, 1.013, 100_000},
		{"least_load", 0.9, 0, 1.755, 800_000},
		{"least_load", 0.8, simMean, 1.65, 300_000},
		{"least_load", 0.8, 10 * simMean, 2.32, 300_000},
		{"least_load", 0.8, 50 * simMean, 2.71, 600_000},
	} {
		t.Run(fmt.Sprintf("%s/load=%v/interval=%v", c.policy, c.load, c.interval), func(t *testing.T) {
			s := simulation(t, c.policy, 12)
			s.Load, s.Interval, s.Warmup, s.Requests = c.load, c.interval, c.requests/10, c.requests
			r := simulate(t, s)
			got, slack := float64(r.Response)/float64(simMean), float64(r.Error)/float64(simMean)
			t.Logf("mean response %.4f ± %.4f (standard error), want %.4f", got, slack, c.want)
			if 3*slack > 0.03*c.want {
				t.Errorf("three standard errors are %.4f, more than 3 %% of %.3f: the run is too short", 3*slack, c.want)
			}
			if math.Abs(got/c.want-1) > 0.03 {
				t.Errorf("mean response %.4f, want %.4f within 3 %%", got, c.want)
			}
		})
	}
}

// Throughput of a closed loop in answers per mean service time.
func TestSimulatedThroughputAgreesWithTheory(t *testing.T) {
	for _, c := range []struct {
		policy    string
		clients   int
		low, high float64
	}{
		{"pick_first", 20, 0.97, 1.03},
		{"least_load", 100, 0.97 * 12, 12 * 1.01},
	} {
		s := simulation(t, c.policy, 12)
		s.Clients, s.Interval, s.Warmup, s.Requests = c.clients, 100*time.Millisecond, 5_000, 100_000
		if r := simulate(t, s); r.Throughput < c.low || r.Throughput > c.high {
			t.Errorf("%s, %d clients: %.3f answers per service time, want %.2f to %.2f", c.policy, c.clients, r.Throughput, c.low, c.high)
		}
	}
}

func TestSimulationRepeats(t *testing.T) {
	s := simulation(t, "least_load", 12)
	s.Load, s.Interval, s.Requests = 0.8, 5*simMean, 5_000
	a := simulate(t, s)
	if b := simulate(t, s); !reflect.DeepEqual(a, b) {
		t.Errorf("the same seed gave %+v and %+v", a, b)
	}
	s.Seed = 2
	if b := simulate(t, s); reflect.DeepEqual(a, b) {
		t.Errorf("two seeds gave the same: %+v", a)
	}
}

// The books must be able not to balance.
func TestSimulationBooks(t *testing.T) {
	s := simulation(t, "least_load", 3)
	s.Clients, s.Requests = 5, 1000
	f := &farm{Simulation: s}
	w, err := sim.New(sim.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.Add("farm", func() sim.Node { return f })
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if err := f.balance(w.Now()); err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(by int){
		"a request too many": func(by int) { f.sent += by },
		"an answer too many": func(by int) { f.done += by },
		"a pick too many":    func(by int) { f.servers[1].picks += int64(by) },
		"a nanosecond":       func(by int) { f.sojourn += time.Duration(by) },
	} {
		if forge(1); f.balance(w.Now()) == nil {
			t.Errorf("%s goes unnoticed", name)
		}
		forge(-1)
	}
}

func TestTenThousandServers(t *testing.T) {
	s := simulation(t, "round_robin", 10_000)
	s.Load, s.Interval, s.Requests = 0.8, 5*simMean, 100_000
	r := simulate(t, s)
	if least, most := slices.Min(r.Picks), slices.Max(r.Picks); most-least > 1 {
		t.Errorf("picks of a server between %d and %d", least, most)
	}
	s.Policy, s.Requests = "least_load", 5_000
	if r := simulate(t, s); r.Response > simMean*11/10 {
		t.Errorf("least_load: mean response %v, with idle servers at all times want about %v", r.Response, simMean)
	}
}

func TestSimulationRefuses(t *testing.T) {
	good := simulation(t, "round_robin", 2)
	good.Load, good.Requests = 0.5, MinRequests
	simulate(t, good)
	for name, spoil := range map[string]func(*Simulation){
		"policy":   func(s *Simulation) { s.Policy = "best" },
		"servers":  func(s *Simulation) { s.Capacities = nil },
		"capacity": func(s *Simulation) { s.Capacities = []float64{1, -1} },
		"service":  func(s *Simulation) { s.Service.Mean = 0 },
		"both":     func(s *Simulation) { s.Clients = 1 },
		"neither":  func(s *Simulation) { s.Load = 0 },
		"NaN":      func(s *Simulation) { s.Load = math.NaN() },
		"overload": func(s *Simulation) { s.Load = 1 },
		"interval": func(s *Simulation) { s.Interval = -1 },
		"requests": func(s *Simulation) { s.Requests = MinRequests - 1 },
	} {
		s := good
		spoil(&s)
		if _, err := s.Run(t.Context()); err == nil {
			t.Errorf("%s: %+v is accepted", name, s)
		}
	}
}

// One operation is one request.
func BenchmarkSimulation(b *testing.B) {
	for _, c := range []struct {
		policy  string
		servers int
	}{{"round_robin", 12}, {"least_load", 12}, {"round_robin", 10_000}, {"least_load", 10_000}} {
		b.Run(fmt.Sprintf("%s/servers=%d", c.policy, c.servers), func(b *testing.B) {
			s := simulation(b, c.policy, c.servers)
			s.Load, s.Interval, s.Requests = 0.8, 5*simMean, max(b.N, MinRequests)
			b.ReportAllocs()
			r := simulate(b, s)
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(s.Requests)/seconds, "requests/s")
			b.ReportMetric(float64(r.Events)/seconds, "events/s")
		})
	}
}

// What the checks of a simulation must notice.
func TestSimulationChecksNoticeMutants(t *testing.T) {
	for name, mutate := range map[string]func(*Result){
		"a request lost":           func(r *Result) { r.History.Servers[0].Requests-- },
		"a request left":           func(r *Result) { r.History.Servers[0].InFlight++ },
		"a nanosecond":             func(r *Result) { r.History.Servers[1].Area++ },
		"a pick that nobody sent":  func(r *Result) { r.History.Servers[2].Picks++ },
		"servers slower than told": func(r *Result) { r.History.Servers[1].Busy *= 2 },
		"shares that are not even": func(r *Result) {
			r.History.Servers[0].Picks += 2
			told := r.History.Clients[0].Servers
			told["s1/1"] = check.Share{Sent: told["s1/1"].Sent + 2, OK: told["s1/1"].OK, Sojourn: told["s1/1"].Sojourn}
		},
		"picks out of the herd": func(r *Result) { r.Strayed = 1 },
	} {
		s := simulation(t, "round_robin", 3)
		s.Load, s.Requests = 0.7, 3000
		r := simulate(t, s)
		if v := record.Judge(r.Checks()...); v.Status != record.Valid {
			t.Fatalf("before: %v", v.Reasons())
		}
		if mutate(&r); record.Judge(r.Checks()...).Status == record.Valid {
			t.Errorf("%s goes unnoticed", name)
		}
	}
}
