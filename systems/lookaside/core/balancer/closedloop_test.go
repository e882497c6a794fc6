package balancer_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dyno/bench/queue"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/core/service"
)

// loop is a closed loop in virtual time: clients that ask the balancer, wait
// for the server's queue and ask again at once, and servers that report every
// interval. No network, no processes: what is seen is the policy.
type loop struct {
	policy    string
	clients   int
	speeds    []float64
	failing   int  // 1 + index of a server that answers with an error at a hundredth of the service time; 0: none
	staggered bool // reports are spread over the interval instead of falling within a millisecond
	length    time.Duration
}

const meanService = 20 * time.Millisecond

type result struct {
	rate      float64         // right answers per mean service time, after a tenth of the time
	response  []time.Duration // of the same requests, sorted
	completed []int           // per server, errors included
}

func (r *result) quantile(q float64) time.Duration {
	return r.response[int(q*float64(len(r.response)-1))]
}

type happening struct {
	at     time.Duration
	server int
	report bool          // else a request is done
	sent   time.Duration // that request
}

type agenda []happening

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// world is a loop under way.
type world struct {
	loop
	t        *testing.T
	core     *balancer.Balancer
	queues   []*queue.FCFS
	meters   []service.Meter
	failed   int // errors since the last report
	sequence uint64
	todo     agenda
	result   result
}

func name(i int) string { return fmt.Sprintf("s%d", i+1) }

func (l loop) run(t *testing.T) result {
	t.Helper()
	p, err := policy.New(l.policy)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	w := &world{loop: l, t: t, core: balancer.New(balancer.Config{Policy: p, Rand: rng, Interval: interval})}
	w.meters, w.result.completed = make([]service.Meter, len(l.speeds)), make([]int, len(l.speeds))
	for i, speed := range l.speeds {
		d, err := queue.NewDistribution("exp", meanService)
		if err != nil {
			t.Fatal(err)
		}
		w.queues = append(w.queues, queue.NewFCFS(speed, d, rng))
		if err := w.core.Join(balancer.Member{ID: name(i), Instance: "a", Address: name(i), Capacity: speed, Revision: int64(i)}); err != nil {
			t.Fatal(err)
		}
		phase := time.Duration(rng.IntN(int(time.Millisecond)))
		if l.staggered {
			phase = interval * time.Duration(i) / time.Duration(len(l.speeds))
		}
		heap.Push(&w.todo, happening{at: phase, server: i, report: true})
	}
	for range l.clients {
		w.send(0)
	}
	for w.todo[0].at < l.length {
		if h := heap.Pop(&w.todo).(happening); h.report {
			w.report(h)
		} else {
			w.done(h)
		}
	}
	w.result.rate = float64(len(w.result.response)) * float64(meanService) / (0.9 * float64(l.length))
	slices.Sort(w.result.response)
	return w.result
}

func (w *world) send(now time.Duration) {
	pick, err := w.core.Pick(now)
	if err != nil {
		w.t.Fatal(err)
	}
	var i int
	if _, err := fmt.Sscanf(pick.ID, "s%d", &i); err != nil {
		w.t.Fatal(err)
	}
	i--
	w.meters[i].Arrive(now)
	finish, _ := w.queues[i].Arrive(now)
	if i == w.failing-1 {
		finish = now + meanService/100
	}
	heap.Push(&w.todo, happening{at: finish, server: i, sent: now})
}

func (w *world) done(h happening) {
	w.meters[h.server].Depart(h.at, service.Visit{})
	w.result.completed[h.server]++
	if h.server == w.failing-1 {
		w.failed++
	} else if h.at > w.length/10 {
		w.result.response = append(w.result.response, h.at-h.sent)
	}
	w.send(h.at)
}

func (w *world) report(h happening) {
	w.sequence++
	rep := balancer.Report{ID: name(h.server), Instance: "a", Sequence: w.sequence, InFlight: w.meters[h.server].Stats(h.at).InFlight}
	if h.server == w.failing-1 {
		rep.EPS, w.failed = float64(w.failed)/interval.Seconds(), 0
	}
	if err := w.core.Report(h.at, rep); err != nil {
		w.t.Fatal(err)
	}
	heap.Push(&w.todo, happening{at: h.at + interval, server: h.server, report: true})
}

func speeds(n int, speed float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = speed
	}
	return out
}

// Throughput in a closed loop, in requests per mean service time, against
// theory: pick_first is one server; least_load keeps all of them busy; round
// robin lies between random assignment, nN/(N+n-1), and that.
func TestClosedLoopThroughput(t *testing.T) {
	const n = 12
	random := func(clients float64) float64 { return n * clients / (clients + n - 1) }
	slow := speeds(n, 1)
	slow[3] = 0.2
	for _, c := range []struct {
		name      string
		loop      loop
		low, high float64
	}{
		{"pick_first is one server", loop{policy: "pick_first", clients: 10, speeds: speeds(n, 1)}, 0.97, 1.03},
		{"round_robin beats random", loop{policy: "round_robin", clients: 100, speeds: speeds(n, 1)}, random(100), n},
		{"round_robin with few clients", loop{policy: "round_robin", clients: 10, speeds: speeds(n, 1)}, random(10), 10},
		{"least_load keeps all busy", loop{policy: "least_load", clients: 100, speeds: speeds(n, 1)}, 0.97 * n, 1.03 * n},
		{"least_load with few clients", loop{policy: "least_load", clients: 10, speeds: speeds(n, 1)}, random(10), 10},
		{"round_robin waits for the slowest", loop{policy: "round_robin", clients: 100, speeds: slow}, 0.95 * n * 0.2, 1.05 * n * 0.2},
		{"least_load uses what there is", loop{policy: "least_load", clients: 100, speeds: slow}, 0.95 * (n - 0.8), 1.03 * (n - 0.8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.loop.length = 200 * time.Second
			got := c.loop.run(t)
			t.Logf("rate %.2f requests per mean service time", got.rate)
			if got.rate < c.low || got.rate > c.high {
				t.Errorf("rate %.2f, want %.2f to %.2f", got.rate, c.low, c.high)
			}
		})
	}
}

// Least load keeps queues level: against round robin the slow requests are
// about twice as fast, the median one is slower, since hardly anybody finds a
// short queue by luck.
func TestQueuesAreKeptLevel(t *testing.T) {
	l := loop{policy: "least_load", clients: 100, speeds: speeds(12, 1), length: 200 * time.Second}
	level := l.run(t)
	l.policy = "round_robin"
	blind := l.run(t)
	t.Logf("p50 and p99: least_load %v, %v; round_robin %v, %v", level.quantile(0.5), level.quantile(0.99), blind.quantile(0.5),
		blind.quantile(0.99))
	if r := float64(level.quantile(0.99)) / float64(blind.quantile(0.99)); r < 0.45 || r > 0.55 {
		t.Errorf("ratio of the 99th percentiles %.2f, want 0.45 to 0.55", r)
	}
	if r := float64(level.quantile(0.5)) / float64(blind.quantile(0.5)); r < 1.15 || r > 1.3 {
		t.Errorf("ratio of the medians %.2f, want 1.15 to 1.3", r)
	}
}

// Why servers report at the same multiples of the interval: the picks since a
// report grow with its age, so among reports of different ages the youngest
// looks best, and the server that just reported draws a small herd. With few
// clients that costs more than knowing the load is worth.
func TestReportsOfOneAgeAreWorthMore(t *testing.T) {
	l := loop{policy: "least_load", clients: 10, speeds: speeds(12, 1), length: 200 * time.Second}
	together := l.run(t).rate
	l.staggered = true
	apart := l.run(t).rate
	l.policy = "round_robin"
	blind := l.run(t).rate
	t.Logf("requests per mean service time: least_load %.2f with reports together, %.2f apart; round_robin %.2f", together, apart, blind)
	if together < blind || apart > blind {
		t.Errorf("least_load %.2f together and %.2f apart, want round_robin's %.2f between them", together, apart, blind)
	}
}

// A server that fails a hundred times faster than it serves must not draw the
// traffic: one of twelve would get a twelfth if it were healthy.
func TestFastFailingServerDrawsLittle(t *testing.T) {
	for _, clients := range []int{10, 100, 400} {
		for _, staggered := range []bool{false, true} {
			l := loop{policy: "least_load", clients: clients, speeds: speeds(12, 1), failing: 6, staggered: staggered, length: 60 * time.Second}
			got := l.run(t)
			total := 0
			for _, c := range got.completed {
				total += c
			}
			share := float64(got.completed[5]) / float64(total)
			t.Logf("%d clients: the failing server drew %.2f %% of %d requests", clients, 100*share, total)
			if share > 1.0/12 {
				t.Errorf("%d clients: the failing server drew %.1f %% of the traffic: %v", clients, 100*share, got.completed)
			}
		}
	}
}

// What the audit adds to a pick.
func BenchmarkPickAudited(b *testing.B) {
	for _, audited := range []bool{false, true} {
		b.Run(fmt.Sprintf("audited=%v", audited), func(b *testing.B) {
			c := balancer.Config{Policy: policy.LeastLoad.New(), Rand: rand.New(rand.NewPCG(1, 1))}
			if audited {
				c.Promise = policy.Loaded
			}
			core := balancer.New(c)
			for i := range 12 {
				if err := core.Join(balancer.Member{ID: fmt.Sprint(i), Instance: "a", Address: "x", Capacity: 1, Revision: int64(i)}); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if _, err := core.Pick(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
