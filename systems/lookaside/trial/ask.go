package trial

import (
	"context"
	"fmt"
	"time"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// Table asks the balancer, as of now, for its table.
func (d *Deployment) Table(ctx context.Context) (*lookasidev1.ListServersResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := rpc.Dial(d.balancer().Addr())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	resp, err := lookasidev1.NewBalancerServiceClient(conn).ListServers(ctx, &lookasidev1.ListServersRequest{})
	if err != nil {
		return nil, fmt.Errorf("the balancer's table: %w", err)
	}
	return resp, nil
}

// disturb makes a server misbehave.
func disturb(ctx context.Context, addr string, d lookasidev1.Disturbance) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := rpc.Dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := lookasidev1.NewComputeServiceClient(conn).Disturb(ctx, &lookasidev1.DisturbRequest{Disturbance: d}); err != nil {
		return fmt.Errorf("disturb the server at %s: %w", addr, err)
	}
	return nil
}

// idleStats asks a server for its counts, until it has nothing left to do:
// what clients have given up on stays in a server for its service time. When
// the bound is reached the last counts are returned as they are.
func idleStats(ctx context.Context, addr string, bound time.Duration) (*lookasidev1.GetStatsResponse, error) {
	conn, err := rpc.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := lookasidev1.NewComputeServiceClient(conn)
	for end := time.Now().Add(bound); ; {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		st, err := client.GetStats(call, &lookasidev1.GetStatsRequest{})
		cancel()
		if err != nil {
			return nil, fmt.Errorf("the counts of the server at %s: %w", addr, err)
		}
		if st.GetInFlight() == 0 || time.Now().After(end) {
			return st, nil
		}
		select {
		case <-time.After(settlePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
