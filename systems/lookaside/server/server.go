// Package server is the role server: a station that does the work, the gRPC
// shell around it, and the reports of its load to the balancer.
package server

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/orca"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/service"
)

// shell is the gRPC shell around a station.
type shell struct {
	lookasidev1.UnimplementedComputeServiceServer

	id, instance string
	capacity     float64
	service      time.Duration // the model's mean, on this server
	station      *station
	burn         uint32                     // rounds of hashing that a request costs, instead of a modelled time; 0: none
	metrics      orca.ServerMetricsRecorder // nil: answers carry no load
	disturbance  atomic.Int32               // a lookasidev1.Disturbance
}

func (s *shell) register(r grpc.ServiceRegistrar) {
	lookasidev1.RegisterComputeServiceServer(r, s)
}

// orca lets answers carry the load, in their trailers.
func (s *shell) orca(wanted bool) []grpc.ServerOption {
	if !wanted {
		return nil
	}
	s.metrics = orca.NewServerMetricsRecorder()
	return []grpc.ServerOption{orca.CallMetricsServerOption(s.metrics)}
}

// idle is what a server that had nothing to do says of its utilisation:
// weighted_round_robin takes 0 for no report at all, and would give the idlest
// server the mean of the others' weights.
const idle = 1e-3

// measured is told the load of each interval.
func (s *shell) measured(r *lookasidev1.ReportRequest) {
	if s.metrics == nil {
		return
	}
	s.metrics.SetApplicationUtilization(max(r.GetUtilization(), idle))
	s.metrics.SetQPS(r.GetQps())
	s.metrics.SetEPS(r.GetEps())
}

// Compute implements lookasidev1.ComputeServiceServer.
func (s *shell) Compute(ctx context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	if n := req.GetRounds(); n > service.MaxRounds {
		return nil, rpc.InvalidField("rounds", "%d, at most %d", n, service.MaxRounds)
	}
	if s.metrics != nil {
		orca.CallMetricsRecorderFromContext(ctx) // being asked for is what makes the load go with the answer
	}
	switch lookasidev1.Disturbance(s.disturbance.Load()) {
	case lookasidev1.Disturbance_DISTURBANCE_FAIL:
		return nil, s.fail(ctx)
	case lookasidev1.Disturbance_DISTURBANCE_HANG:
		return nil, s.station.hold(ctx)
	}
	if s.burn > 0 {
		return s.compute(ctx, req)
	}
	j := s.station.enter()
	if j == nil {
		return nil, rpc.Errorf(rpc.Refused, "server %s: %d requests are waiting already", s.id, s.station.Room())
	}
	digest := service.Hash(req.GetSeed(), req.GetRounds())
	select {
	case <-j.left:
	case <-ctx.Done():
		if s.station.abandon(j) {
			return nil, ctx.Err()
		}
	}
	return s.answer(digest, j), nil
}

func (s *shell) answer(digest uint64, j *job) *lookasidev1.ComputeResponse {
	return &lookasidev1.ComputeResponse{
		Digest: digest, Id: s.id, Instance: s.instance, ServiceNs: int64(j.visit.Service), SojournNs: int64(j.sojourn),
	}
}

// compute does real work: a hash chain as long as the server's share of a core
// takes for it.
func (s *shell) compute(ctx context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	j := s.station.work(ctx, func() { service.Hash(req.GetSeed(), s.burn) })
	switch {
	case ctx.Err() != nil && j == nil:
		return nil, ctx.Err()
	case j == nil:
		return nil, rpc.Errorf(rpc.Refused, "server %s: %d requests are waiting already", s.id, s.station.Room())
	}
	return s.answer(service.Hash(req.GetSeed(), req.GetRounds()), j), nil
}

// calibrate says how many rounds of hashing take this long on an idle core: by
// the fastest of some tries, since others only ever slow one down.
func calibrate(d time.Duration) uint32 {
	const tries, rounds = 20, 2000
	best := time.Duration(math.MaxInt64)
	for range tries {
		begin := time.Now()
		service.Hash(1, rounds)
		best = min(best, time.Since(begin))
	}
	return uint32(max(float64(d)/float64(best)*rounds, 1))
}

// failSpeed is how much faster a failing server answers than one that serves.
const failSpeed = 100

// fail answers by an error, sooner than work would be done.
func (s *shell) fail(ctx context.Context) error {
	_ = backoff.Sleep(ctx, s.service/failSpeed)
	s.station.refuse()
	return rpc.Errorf(rpc.Unavailable, "server %s is out of order", s.id)
}

// Disturb implements lookasidev1.ComputeServiceServer.
func (s *shell) Disturb(_ context.Context, req *lookasidev1.DisturbRequest) (*lookasidev1.DisturbResponse, error) {
	d := req.GetDisturbance()
	if _, known := lookasidev1.Disturbance_name[int32(d)]; !known {
		return nil, rpc.InvalidField("disturbance", "%d is none", d)
	}
	s.disturbance.Store(int32(d))
	return &lookasidev1.DisturbResponse{}, nil
}

// Probe implements lookasidev1.ComputeServiceServer.
func (s *shell) Probe(context.Context, *lookasidev1.ProbeRequest) (*lookasidev1.ProbeResponse, error) {
	n, latency := s.station.probe()
	return &lookasidev1.ProbeResponse{Id: s.id, Instance: s.instance, InFlight: n, LatencyNs: int64(latency)}, nil
}

// GetStats implements lookasidev1.ComputeServiceServer.
func (s *shell) GetStats(context.Context, *lookasidev1.GetStatsRequest) (*lookasidev1.GetStatsResponse, error) {
	st, _ := s.station.stats()
	return &lookasidev1.GetStatsResponse{
		Id: s.id, Instance: s.instance, Capacity: s.capacity,
		Requests: st.Completed, Abandoned: st.Abandoned,
		InFlight: st.InFlight, MaxInFlight: st.MaxInFlight,
		InFlightAreaNs: int64(st.Area), BusyNs: int64(st.Busy), OversleepNs: int64(st.Oversleep),
	}, nil
}
