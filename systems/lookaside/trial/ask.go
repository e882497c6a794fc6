package trial

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// ask asks a process what the trial itself wants to know.
func ask[C, Q, R any](
	ctx context.Context, addr, what string,
	client func(grpc.ClientConnInterface) C, call func(C, context.Context, Q, ...grpc.CallOption) (R, error), req Q,
) (r R, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := rpc.Dial(addr)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	if r, err = call(client(conn), ctx, req); err != nil {
		return r, fmt.Errorf("%s at %s: %w", what, addr, err)
	}
	return r, nil
}

// Table asks the balancer, as of now, for its table.
func (d *Deployment) Table(ctx context.Context) (*lookasidev1.ListServersResponse, error) {
	return ask(ctx, d.balancer().Addr(), "the balancer's table", lookasidev1.NewBalancerServiceClient,
		lookasidev1.BalancerServiceClient.ListServers, &lookasidev1.ListServersRequest{})
}

// disturb makes a server misbehave.
func disturb(ctx context.Context, addr string, d lookasidev1.Disturbance) error {
	_, err := ask(ctx, addr, "disturb the server", lookasidev1.NewComputeServiceClient,
		lookasidev1.ComputeServiceClient.Disturb, &lookasidev1.DisturbRequest{Disturbance: d})
	return err
}

// idleStats asks a server for its counts, until it has nothing left to do:
// what clients have given up on stays in a server for its service time. When
// the bound is reached the last counts are returned as they are.
func idleStats(ctx context.Context, addr string, bound time.Duration) (*lookasidev1.GetStatsResponse, error) {
	for end := time.Now().Add(bound); ; {
		st, err := ask(ctx, addr, "the counts of the server", lookasidev1.NewComputeServiceClient,
			lookasidev1.ComputeServiceClient.GetStats, &lookasidev1.GetStatsRequest{})
		if err != nil || st.GetInFlight() == 0 || time.Now().After(end) {
			return st, err
		}
		select {
		case <-time.After(settlePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
