package agent

import (
	"context"
	"fmt"
	"net"

	"dyno/bench/fault"
	"dyno/bench/link"
	"dyno/internal/rpc"
	agentv1 "dyno/proto/agent/v1"
)

// ReserveAddress implements agentv1.AgentServiceServer.
func (s *server) ReserveAddress(ctx context.Context, req *agentv1.ReserveAddressRequest) (*agentv1.ReserveAddressResponse, error) {
	t, err := s.at(req.GetTrial())
	if err != nil {
		return nil, err
	}
	addr, err := t.group.Address(ctx, "", "")
	return &agentv1.ReserveAddressResponse{Addr: addr}, toStatus(err)
}

// OpenLink implements agentv1.AgentServiceServer.
func (s *server) OpenLink(_ context.Context, req *agentv1.OpenLinkRequest) (*agentv1.OpenLinkResponse, error) {
	t, err := s.at(req.GetTrial())
	if err != nil {
		return nil, err
	}
	n, err := t.links(s.opts.Advertise)
	if err != nil {
		return nil, toStatus(err)
	}
	l, err := n.Add(req.GetFrom(), req.GetTo(), req.GetTarget())
	if err != nil {
		return nil, toStatus(err)
	}
	return &agentv1.OpenLinkResponse{Addr: l.Addr()}, nil
}

// links are those of a trial, made with the first one.
func (t *trial) links(host string) (*link.Network, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, rpc.Errorf(rpc.Precondition, "trial %d has ended: there are no links any more", t.id)
	}
	if t.network != nil {
		return t.network, nil
	}
	n, err := link.NewNetwork(link.Options{Seed: t.group.Setting().Seed, Listen: net.JoinHostPort(host, "0")})
	t.network = n
	return n, err
}

// StrikeLink implements agentv1.AgentServiceServer.
func (s *server) StrikeLink(_ context.Context, req *agentv1.StrikeLinkRequest) (*agentv1.StrikeLinkResponse, error) {
	t, err := s.at(req.GetTrial())
	if err != nil {
		return nil, err
	}
	faults, err := fault.Parse(req.GetFault())
	if err != nil || len(faults) != 1 {
		return nil, rpc.InvalidField("fault", "%q is not one fault: %v", req.GetFault(), err)
	}
	n, err := t.links(s.opts.Advertise)
	if err == nil {
		err = n.Strike(req.GetFrom(), req.GetTo(), faults[0], req.GetEnds())
	}
	return new(agentv1.StrikeLinkResponse), toStatus(err)
}

// endLinks ends all links of a trial, which gets no others.
func (t *trial) endLinks() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.network == nil {
		return nil
	}
	return t.network.Close()
}

// farLink is the runner's end of a link there.
type farLink struct {
	trial          *Trial
	from, to, addr string
}

// OpenLink has a link made there.
func (t *Trial) OpenLink(o link.Options) (link.Far, error) {
	ctx, cancel := context.WithTimeout(t.calls, askTimeout)
	defer cancel()
	resp, err := t.link.client.OpenLink(ctx, &agentv1.OpenLinkRequest{Trial: t.id, From: o.From, To: o.To, Target: o.Target})
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", t.machine.Name, t.fault(err))
	}
	return &farLink{t, o.From, o.To, resp.GetAddr()}, nil
}

// Addr implements [link.Far].
func (l *farLink) Addr() string { return l.addr }

// Strike implements [link.Far].
func (l *farLink) Strike(f fault.Fault, ends bool) error {
	ctx, cancel := context.WithTimeout(l.trial.calls, askTimeout)
	defer cancel()
	_, err := l.trial.link.client.StrikeLink(ctx, &agentv1.StrikeLinkRequest{
		Trial: l.trial.id, From: l.from, To: l.to, Fault: f.String(), Ends: ends,
	})
	return l.trial.fault(err)
}

// Address finds an address there that is kept until the trial ends.
func (t *Trial) Address(ctx context.Context) (string, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	resp, err := t.link.client.ReserveAddress(ctx, &agentv1.ReserveAddressRequest{Trial: t.id})
	return resp.GetAddr(), t.fault(err)
}
