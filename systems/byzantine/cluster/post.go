package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"

	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// connectTimeout is how long a general waits for the others to be reachable
// before the first round.
const connectTimeout = 5 * time.Second

// post is a general's server.
type post struct {
	byzantinev1.UnimplementedGeneralServiceServer
	keys *keyFile
	lie  string
	dial func(target string, opts ...grpc.DialOption) (*grpc.ClientConn, error)

	mu       sync.Mutex
	campaign *campaign
	cancel   context.CancelFunc // ends what the campaign is doing
	conns    []*grpc.ClientConn // to each of the others, by id
	peers    []string           // where they listen
}

// Muster implements byzantinev1.GeneralServiceServer.
func (p *post) Muster(ctx context.Context, req *byzantinev1.MusterRequest) (*byzantinev1.MusterResponse, error) {
	cpu := OwnCPU().Nanoseconds() // connecting is a part of what follows
	c, err := p.enlist(req)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.campaign != nil && req.GetRun() <= p.campaign.run {
		defer p.mu.Unlock()
		return nil, rpc.Errorf(rpc.Precondition, "run %d is not after run %d", req.GetRun(), p.campaign.run)
	}
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	conns, err := p.connect(req.GetAddresses())
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	c.peers = make([]byzantinev1.GeneralServiceClient, len(conns))
	for id, conn := range conns {
		if conn != nil {
			c.peers[id] = byzantinev1.NewGeneralServiceClient(conn)
		}
	}
	c.lie = p.lie
	p.campaign = c
	p.mu.Unlock()
	reach(ctx, conns)
	return &byzantinev1.MusterResponse{CpuNs: cpu}, nil
}

// enlist makes a campaign of a part.
func (p *post) enlist(req *byzantinev1.MusterRequest) (*campaign, error) {
	n := len(p.keys.Peers)
	a, ok := general.LookUp(req.GetAlgorithm())
	order := fromOrder(req.GetOrder())
	timeout := time.Duration(req.GetRoundTimeoutNs())
	switch {
	case !ok:
		return nil, rpc.InvalidField("algorithm", "%q is none of %v", req.GetAlgorithm(), general.Names())
	case len(req.GetAddresses()) != n:
		return nil, rpc.InvalidField("addresses", "there are %d, and keys for %d generals", len(req.GetAddresses()), n)
	case int(req.GetT()) >= n:
		return nil, rpc.InvalidField("t", "%d of %d generals cannot all be traitors", req.GetT(), n)
	case int(req.GetCommander()) >= n:
		return nil, rpc.InvalidField("commander", "%d is none of 0 to %d", req.GetCommander(), n-1)
	case order > general.Attack:
		return nil, rpc.InvalidField("order", "%v is no order", req.GetOrder())
	case timeout <= 0 || timeout > play.MaxRoundTimeout:
		return nil, rpc.InvalidField("round_timeout_ns", "%v is not above 0 and at most %v", timeout, play.MaxRoundTimeout)
	case req.GetInteractive() && a.Name != "om":
		return nil, rpc.InvalidField("interactive", "only om is")
	}
	part := general.Config{
		N: n, T: int(req.GetT()), Me: p.keys.Me, Commander: int(req.GetCommander()),
		Interactive: req.GetInteractive(), Order: order, Flat: req.GetFlat(), Keys: p.keys.signing(req.GetRun()),
	}
	if play.BatchBytes(a, part) > rpc.DefaultMaxMessageBytes {
		return nil, rpc.InvalidField("t", "with %d of %d generals a batch of messages is larger than %d bytes", part.T, n,
			rpc.DefaultMaxMessageBytes)
	}
	return newCampaign(req, a, part)
}

// newCampaign sets a loyal general or a traitor to work.
func newCampaign(req *byzantinev1.MusterRequest, a general.Algorithm, part general.Config) (*campaign, error) {
	c := &campaign{
		run: req.GetRun(), algorithm: a, timeout: time.Duration(req.GetRoundTimeoutNs()),
		dieIn: int(req.GetDieInRound()), keep: int(min(req.GetTranscript(), play.MaxTranscript)),
		open: 1, arrived: make(chan struct{}, 1),
		config: part, protocol: a.New(part),
	}
	c.boxes = make([]map[int]*byzantinev1.DeliverRequest, c.rounds())
	if t := req.GetTreason(); t != nil {
		plan, ok := adversary.LookUp(t.GetAdversary())
		if !ok {
			return nil, rpc.InvalidField("treason.adversary", "%q is none of %v", t.GetAdversary(), adversary.Names())
		}
		c.protocol = general.Betray(c.protocol, a, c.config, general.Set(t.GetTraitors()), plan.New(t.GetSeed()))
	}
	return c, nil
}

// connect returns a connection to each of the others. Those of the run before
// are kept where addresses are the same.
func (p *post) connect(addresses []string) ([]*grpc.ClientConn, error) {
	if p.conns == nil {
		p.conns, p.peers = make([]*grpc.ClientConn, len(addresses)), make([]string, len(addresses))
	}
	for id, addr := range addresses {
		if id == p.keys.Me || p.conns[id] != nil && p.peers[id] == addr {
			continue
		}
		p.hangUp(id)
		conn, err := p.dial(addr, proving(p.keys.Peers[id], p.keys.Me, id))
		if err != nil {
			return nil, rpc.InvalidField("addresses", "%v", err)
		}
		p.conns[id], p.peers[id] = conn, addr
	}
	return slices.Clone(p.conns), nil
}

func (p *post) hangUp(id int) {
	if p.conns[id] != nil {
		_ = p.conns[id].Close()
		p.conns[id] = nil
	}
}

// reach waits until the others can be reached, so that the first round does not
// pay for it; whoever cannot be by then will be silent.
func reach(ctx context.Context, conns []*grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, conn := range conns {
		if conn == nil {
			continue
		}
		conn.Connect()
		all.Go(func() {
			for s := conn.GetState(); s != connectivity.Ready && s != connectivity.TransientFailure; s = conn.GetState() {
				if !conn.WaitForStateChange(ctx, s) {
					return
				}
			}
		})
	}
	all.Wait()
}

// Begin implements byzantinev1.GeneralServiceServer.
func (p *post) Begin(ctx context.Context, req *byzantinev1.BeginRequest) (*byzantinev1.BeginResponse, error) {
	start := time.Unix(0, req.GetStartUnixNs())
	if wait := time.Until(start); wait > play.MaxRoundTimeout {
		return nil, rpc.InvalidField("start_unix_ns", "that is in %v, more than %v", wait, play.MaxRoundTimeout)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := p.known(req.GetRun(), cancel)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, start)
}

// Deliver implements byzantinev1.GeneralServiceServer.
func (p *post) Deliver(ctx context.Context, req *byzantinev1.DeliverRequest) (*byzantinev1.DeliverResponse, error) {
	c, err := p.known(req.GetRun(), nil)
	if err != nil {
		return nil, err
	}
	c.deliver(sender(ctx), req)
	return &byzantinev1.DeliverResponse{}, nil
}

// known finds the campaign of a run, which must be the last one; cancel is what
// the next one is to call first.
func (p *post) known(run uint64, cancel context.CancelFunc) (*campaign, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.campaign == nil || p.campaign.run != run {
		return nil, rpc.Errorf(rpc.Precondition, "general %d has no part in run %d", p.keys.Me, run)
	}
	if cancel != nil {
		p.cancel = cancel
	}
	return p.campaign, nil
}

// leave ends the campaign and closes all connections.
func (p *post) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
	for id := range p.conns {
		p.hangUp(id)
	}
}

func toOrder(v general.Value) byzantinev1.Order {
	return byzantinev1.Order_ORDER_RETREAT + byzantinev1.Order(v)
}

func toOrders(vs []general.Value) []byzantinev1.Order {
	out := make([]byzantinev1.Order, len(vs))
	for i, v := range vs {
		out[i] = toOrder(v)
	}
	return out
}

// fromOrder reads an order as a protocol would: what is none is a value that it
// drops.
func fromOrder(o byzantinev1.Order) general.Value {
	return general.Value(o - byzantinev1.Order_ORDER_RETREAT)
}

// fromOrders reads what a general decided, and demands orders.
func fromOrders(os []byzantinev1.Order) ([]general.Value, error) {
	var out []general.Value
	for _, o := range os {
		v := fromOrder(o)
		if v > general.Attack {
			return nil, rpc.Errorf(rpc.Invalid, "%v is no order", o)
		}
		out = append(out, v)
	}
	return out, nil
}

func toMessage(m general.Message) *byzantinev1.Message {
	return &byzantinev1.Message{Path: []byte(m.Path), Value: toOrder(m.Value), Seals: m.Seals}
}

func fromMessage(m *byzantinev1.Message) general.Message {
	return general.Message{Path: string(m.GetPath()), Value: fromOrder(m.GetValue()), Seals: m.GetSeals()}
}

// countBatch adds a batch to what a general tells of its traffic.
func countBatch(t **byzantinev1.Traffic, req *byzantinev1.DeliverRequest) {
	if *t == nil {
		*t = &byzantinev1.Traffic{}
	}
	(*t).Batches++
	(*t).Bytes += int64(proto.Size(req))
	(*t).Values += int64(len(req.GetMessages()))
}
