package server

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/queue"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/service"
)

// serveStation is a server over memory whose requests take a constant time.
func serveStation(t *testing.T, each time.Duration, room int) (*station, lookasidev1.ComputeServiceClient) {
	t.Helper()
	dist, err := queue.NewDistribution("const", each)
	if err != nil {
		t.Fatal(err)
	}
	st, err := newStation(queue.NewFCFS(1, dist, rand.New(rand.NewPCG(1, 1))), room)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(st.Run)
	t.Cleanup(func() {
		st.Close()
		running.Wait()
	})
	s := &shell{id: "s1", instance: "a", capacity: 1, station: st}
	conn, _ := rpctest.Start(t, rpc.Options{}, s.register)
	return st, lookasidev1.NewComputeServiceClient(conn)
}

func stats(t *testing.T, c lookasidev1.ComputeServiceClient) *lookasidev1.GetStatsResponse {
	t.Helper()
	st, err := c.GetStats(t.Context(), &lookasidev1.GetStatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestComputeAnswersRightAndCountsExactly(t *testing.T) {
	const each, clients, requests = 2 * time.Millisecond, 5, 4
	_, c := serveStation(t, each, maxWaiting)
	var mu sync.Mutex
	var sojourns, services int64
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := range requests {
				seed := uint64(client*requests + i)
				resp, err := c.Compute(t.Context(), &lookasidev1.ComputeRequest{Seed: seed, Rounds: 3})
				if err != nil {
					t.Error(err)
					return
				}
				if resp.GetDigest() != service.Hash(seed, 3) || resp.GetId() != "s1" || resp.GetInstance() != "a" {
					t.Errorf("seed %d: answer %v", seed, resp)
				}
				mu.Lock()
				sojourns += resp.GetSojournNs()
				services += resp.GetServiceNs()
				mu.Unlock()
			}
		})
	}
	all.Wait()
	st := stats(t, c)
	if st.GetRequests() != clients*requests || st.GetInFlight() != 0 || st.GetAbandoned() != 0 || st.GetMaxInFlight() > clients {
		t.Errorf("counts %v", st)
	}
	if st.GetInFlightAreaNs() != sojourns {
		t.Errorf("area %d ns, the answers told %d ns", st.GetInFlightAreaNs(), sojourns)
	}
	if want := int64(clients * requests * each); st.GetBusyNs() != want || services != want {
		t.Errorf("busy %d ns, answers %d ns, want %d ns", st.GetBusyNs(), services, want)
	}
}

func TestComputeBoundsRounds(t *testing.T) {
	_, c := serveStation(t, 0, maxWaiting)
	_, err := c.Compute(t.Context(), &lookasidev1.ComputeRequest{Rounds: service.MaxRounds + 1})
	wantCode(t, err, codes.InvalidArgument, "rounds")
}

func TestComputeRefusesWhatDoesNotFit(t *testing.T) {
	st, c := serveStation(t, time.Hour, 2)
	first := st.enter()
	for st.Waiting() > 0 { // until it is being served
		time.Sleep(time.Millisecond)
	}
	if first == nil || st.enter() == nil || st.enter() == nil {
		t.Fatal("no room for one served and two waiting")
	}
	_, err := c.Compute(t.Context(), &lookasidev1.ComputeRequest{})
	wantCode(t, err, codes.ResourceExhausted, "2 requests are waiting")
	if rpc.Outcome(err) != record.Refused {
		t.Errorf("outcome %v", rpc.Outcome(err))
	}
	if s := stats(t, c); s.GetInFlight() != 3 || s.GetAbandoned() != 1 {
		t.Errorf("counts %v", s)
	}
}

func TestComputeThatIsGivenUpIsCountedWhenItLeaves(t *testing.T) {
	st, c := serveStation(t, 30*time.Millisecond, maxWaiting)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := c.Compute(ctx, &lookasidev1.ComputeRequest{})
	wantCode(t, err, codes.DeadlineExceeded, "")
	// The next one waits for it all the same, and leaves after it.
	if _, err := c.Compute(t.Context(), &lookasidev1.ComputeRequest{}); err != nil {
		t.Fatal(err)
	}
	s := stats(t, c)
	if s.GetRequests()+s.GetAbandoned() > 2 || s.GetRequests() < 1 || s.GetInFlight() != 0 {
		t.Errorf("counts %v", s)
	}
	if st.abandon(&job{left: closed()}) {
		t.Error("a request that has left cannot be given up")
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestStationKeepsOrderAndModel(t *testing.T) {
	st, _ := serveStation(t, time.Millisecond, maxWaiting)
	var jobs []*job
	for range 20 {
		jobs = append(jobs, st.enter())
	}
	for i, j := range jobs {
		<-j.left
		if left := j.visit.Arrived + j.sojourn; left < j.visit.Finish {
			t.Errorf("request %d left at %v, before its finish time %v", i, left, j.visit.Finish)
		}
		if i > 0 && j.visit.Finish != jobs[i-1].visit.Finish+time.Millisecond {
			t.Errorf("request %d is to finish at %v, the one before at %v", i, j.visit.Finish, jobs[i-1].visit.Finish)
		}
	}
}

func TestReportsAreDifferences(t *testing.T) {
	st, _ := serveStation(t, time.Millisecond, maxWaiting)
	r := newReporter(&shell{id: "s1", instance: "a", station: st}, "", time.Second, nil, nil)
	for range 4 {
		<-st.enter().left
	}
	st.refused = 4
	first, second := r.next(false), r.next(true)
	if first.GetSequence() != 1 || second.GetSequence() != 2 || first.GetDraining() || !second.GetDraining() {
		t.Errorf("reports %v and %v", first, second)
	}
	if u := first.GetUtilization(); u <= 0 || u > 1 || first.GetQps() != 2*first.GetEps() || first.GetEps() <= 0 {
		t.Errorf("first report %v: half of what was done were errors", first)
	}
	if second.GetQps() != 0 || second.GetEps() != 0 || second.GetUtilization() != 0 {
		t.Errorf("second report %v: nothing has happened since the first", second)
	}
}

// A server that is told to fails, hangs, and serves again.
func TestDisturb(t *testing.T) {
	_, server := serveStation(t, time.Millisecond, 10)
	tell := func(d lookasidev1.Disturbance) error {
		_, err := server.Disturb(t.Context(), &lookasidev1.DisturbRequest{Disturbance: d})
		return err
	}
	ask := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := server.Compute(ctx, &lookasidev1.ComputeRequest{Seed: 1, Rounds: 1})
		return err
	}
	if err := tell(lookasidev1.Disturbance_DISTURBANCE_FAIL); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ask(patience), codes.Unavailable, "out of order")
	if err := tell(lookasidev1.Disturbance_DISTURBANCE_HANG); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ask(20*time.Millisecond), codes.DeadlineExceeded, "")
	wantCode(t, tell(99), codes.InvalidArgument, "99")
	if err := tell(lookasidev1.Disturbance_DISTURBANCE_UNSPECIFIED); err != nil {
		t.Fatal(err)
	}
	if err := ask(patience); err != nil {
		t.Errorf("told to serve again: %v", err)
	}
	if st := stats(t, server); st.GetRequests() != 1 {
		t.Errorf("%d requests were served, want the last one: %v", st.GetRequests(), st)
	}
}

// patience ends the wait for what will not happen; nothing is measured by it.
const patience = 30 * time.Second

func wantCode(t *testing.T, err error, code codes.Code, words string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), words) {
		t.Errorf("error %v; want %v with %q", err, code, words)
	}
}

// An idle server says that it is idle, not that it has nothing to say.
func TestIdleServersReport(t *testing.T) {
	s := &shell{}
	s.orca(true)
	for given, want := range map[float64]float64{0: idle, 0.5: 0.5} {
		s.measured(&lookasidev1.ReportRequest{Utilization: given, Qps: 3})
		if got := s.metrics.ServerMetrics(); got.AppUtilization != want || got.QPS != 3 {
			t.Errorf("utilisation %v is told as %v", given, got.AppUtilization)
		}
	}
}

// Servers that start at different moments report at the same ones.
func TestReportsAreAligned(t *testing.T) {
	const interval = 100 * time.Millisecond
	base := time.Unix(1_700_000_000, 0)
	for _, offset := range []time.Duration{
		0, time.Nanosecond, 30 * time.Millisecond, 99_999_999, 100 * time.Millisecond,
		250 * time.Millisecond,
	} {
		now := base.Add(offset)
		wait := untilReport(now, interval)
		if wait <= 0 || wait > interval {
			t.Errorf("at +%v the next report is due in %v", offset, wait)
		}
		if at := now.Add(wait); at.Sub(base)%interval != 0 {
			t.Errorf("at +%v the next report is due at +%v, not a multiple of %v", offset, at.Sub(base), interval)
		}
	}
}
