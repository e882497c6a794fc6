package lookaside

import (
	"context"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/service"
)

// computeServer is the gRPC shell around a station.
type computeServer struct {
	lookasidev1.UnimplementedComputeServiceServer

	id, instance string
	capacity     float64
	station      *station
}

func (s *computeServer) register(r grpc.ServiceRegistrar) {
	lookasidev1.RegisterComputeServiceServer(r, s)
}

// Compute implements lookasidev1.ComputeServiceServer.
func (s *computeServer) Compute(ctx context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	if n := req.GetRounds(); n > service.MaxRounds {
		return nil, rpc.InvalidField("rounds", "%d, at most %d", n, service.MaxRounds)
	}
	j := s.station.enter()
	if j == nil {
		return nil, rpc.Errorf(rpc.Refused, "server %s: %d requests are waiting already", s.id, cap(s.station.jobs))
	}
	digest := service.Hash(req.GetSeed(), req.GetRounds())
	select {
	case <-j.left:
	case <-ctx.Done():
		if s.station.abandon(j) {
			return nil, ctx.Err()
		}
	}
	return &lookasidev1.ComputeResponse{
		Digest: digest, Id: s.id, Instance: s.instance,
		ServiceNs: int64(j.visit.Service), SojournNs: int64(j.sojourn),
	}, nil
}

// Probe implements lookasidev1.ComputeServiceServer.
func (s *computeServer) Probe(context.Context, *lookasidev1.ProbeRequest) (*lookasidev1.ProbeResponse, error) {
	n, latency := s.station.probe()
	return &lookasidev1.ProbeResponse{Id: s.id, Instance: s.instance, InFlight: n, LatencyNs: int64(latency)}, nil
}

// GetStats implements lookasidev1.ComputeServiceServer.
func (s *computeServer) GetStats(context.Context, *lookasidev1.GetStatsRequest) (*lookasidev1.GetStatsResponse, error) {
	st, _ := s.station.stats()
	return &lookasidev1.GetStatsResponse{
		Id: s.id, Instance: s.instance, Capacity: s.capacity,
		Requests: st.Completed, Abandoned: st.Abandoned,
		InFlight: st.InFlight, MaxInFlight: st.MaxInFlight,
		InFlightAreaNs: int64(st.Area), BusyNs: int64(st.Busy), OversleepNs: int64(st.Oversleep),
	}, nil
}
