package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/sample"
	"dyno/internal/record"
	agentv1 "dyno/proto/agent/v1"
)

// Witness implements agentv1.AgentServiceServer.
func (s *server) Witness(_ context.Context, req *agentv1.WitnessRequest) (*agentv1.WitnessResponse, error) {
	t, err := s.at(req.GetTrial())
	if err != nil {
		return nil, err
	}
	w := witnessed{Throttled: time.Duration(throttled("/") - t.throttled)}
	w.Begin, w.End, w.Slack = req.GetBeginUnixNs(), req.GetEndUnixNs(), req.GetSlackNs()
	if err := t.group.Witness(&w.Evidence); err != nil {
		return nil, toStatus(err)
	}
	text, err := json.Marshal(w)
	return &agentv1.WitnessResponse{Evidence: text}, toStatus(err)
}

// witnessed is what a machine tells of a trial when it is over.
type witnessed struct {
	record.Evidence
	Throttled time.Duration `json:"throttled_ns,omitempty"` // processor time that a quota denied it
}

// SampleRoles implements agentv1.AgentServiceServer.
func (s *server) SampleRoles(stream grpc.BidiStreamingServer[agentv1.SampleRolesRequest, agentv1.SampleRolesResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	var targets []sample.Target
	for _, name := range req.GetNames() {
		p, err := s.role(req.GetTrial(), name)
		if err != nil {
			return err
		}
		t := sample.Of(p)
		t.Spawns = slices.Contains(req.GetSpawning(), name)
		targets = append(targets, t)
	}
	sampler, err := sample.Start(stream.Context(), targets, time.Duration(req.GetIntervalNs()))
	if err != nil {
		return toStatus(err)
	}
	defer sampler.Stop()
	if err := stream.Send(new(agentv1.SampleRolesResponse)); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return err
	}
	text, err := sampler.Stop().Encode()
	for err == nil && len(text) > 0 {
		n := min(chunk, len(text))
		err = stream.Send(&agentv1.SampleRolesResponse{Samples: text[:n]})
		text = text[n:]
	}
	return toStatus(err)
}
