package agent

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/process"
	agentv1 "dyno/proto/agent/v1"
)

// tell sends what happens in a trial until its call is over. Who does not take pieces
// as fast holds up the next look: nothing waits but in files.
func (t *trial) tell(own, group context.Context, stream grpc.ServerStreamingServer[agentv1.OpenTrialResponse],
	events <-chan *agentv1.OpenTrialResponse,
) error {
	dead := group.Done()
	look := make(<-chan time.Time)
	if len(t.growth.buf) > 0 {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		look = tick.C
	}
	piece := func(p *agentv1.Piece) error { return stream.Send(&agentv1.OpenTrialResponse{Piece: p}) }
	for {
		var event *agentv1.OpenTrialResponse
		select {
		case <-own.Done():
			return nil
		case <-look:
			if err := t.look(piece); err != nil {
				return err
			}
			continue
		case event = <-events:
		case <-dead:
			dead = nil // once
			f, ok := errors.AsType[*process.Failure](context.Cause(group))
			if !ok {
				continue
			}
			event = &agentv1.OpenTrialResponse{Failure: failureOut(f)}
		}
		if err := stream.Send(event); err != nil {
			return err
		}
	}
}

// look tells what files have grown by, while there are roles.
func (t *trial) look(each func(*agentv1.Piece) error) error {
	t.mu.Lock()
	ended := t.ended
	t.mu.Unlock()
	if ended {
		return nil
	}
	return t.growth.look(each)
}
