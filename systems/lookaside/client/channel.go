package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/balancer/leastrequest"       // by name, in mode grpc
	_ "google.golang.org/grpc/balancer/weightedroundrobin" // by name, in mode grpc
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/lookasidegrpc"
)

// The modes of a client: two of the look-aside balancer, and two that do without
// it, to compare with.
const (
	ModeAsk    = lookasidegrpc.Ask
	modeList   = lookasidegrpc.List
	ModeGRPC   = "grpc"   // a balancer that comes with grpc-go, given the servers' addresses
	modeDirect = "direct" // one connection to the first server
)

// Modes are all of them.
var Modes = []string{ModeAsk, modeList, ModeGRPC, modeDirect}

// How clients choose for themselves: in mode list ours, in mode grpc that of
// grpc-go, by its name there and in a service config.
const (
	ChooseRoundRobin = lookasidegrpc.RoundRobin
	choosePowerOfTwo = lookasidegrpc.PowerOfTwo
	ChooseWeighted   = "weighted_round_robin"
)

// WeightsCount is how long after its first answers grpc-go's weighted_round_robin
// takes turns without regard to weights: the two periods of its configuration.
const WeightsCount = 200 * time.Millisecond

// registered is what the first server is given to be in the directory, in the
// modes that do without the balancer.
const registered = 15 * time.Second

var (
	grpcConfigs = map[string]string{
		"pick_first":  `{"loadBalancingConfig":[{"pick_first":{}}]}`,
		"round_robin": `{"loadBalancingConfig":[{"round_robin":{}}]}`,
		// By the load that comes with each answer. By default it takes turns for the
		// first 10 s, for want of trust in the weights: most windows here would be
		// over. Weights count as soon as WeightsCount instead.
		ChooseWeighted:  `{"loadBalancingConfig":[{"weighted_round_robin":{"blackoutPeriod":"0.1s","weightUpdatePeriod":"0.1s"}}]}`,
		"least_request": `{"loadBalancingConfig":[{"least_request_experimental":{"choiceCount":2}}]}`,
	}
	Choices = []string{ChooseRoundRobin, choosePowerOfTwo, "pick_first", ChooseWeighted, "least_request"}
)

// CheckMode refuses a way of choosing that a mode does not have.
func CheckMode(knobs systems.Values) error {
	mode, choose := knobs.Text("mode"), knobs.Text("choose")
	ours := choose == ChooseRoundRobin || choose == choosePowerOfTwo
	_, theirs := grpcConfigs[choose]
	if mode == modeList && !ours {
		return systems.Usagef("choose %s in mode list: give round_robin or power_of_two", choose)
	}
	if mode == ModeGRPC && !theirs {
		return systems.Usagef("choose %s in mode grpc: give pick_first, round_robin, weighted_round_robin or least_request", choose)
	}
	return nil
}

// channel is what requests go through.
type channel struct {
	conn      *grpc.ClientConn
	builder   *lookasidegrpc.Builder          // of the modes ask and list
	dir       *directory.Directory            // if it was opened for this
	byAddress map[string]lookasidegrpc.Server // of the others
	byID      map[string]lookasidegrpc.Server // through a proxy: only answers say who had a request
	attempt   time.Duration                   // mode grpc: what a server is given, when nobody else is asked; 0: all that a request has
}

// openChannel makes a channel in a mode.
func openChannel(ctx context.Context, dir *directory.Directory, o *options) (*channel, error) {
	mode := o.knobs.Text("mode")
	if o.through == "" && (mode == ModeAsk || mode == modeList) {
		return openBalanced(dir.Service, func(ctx context.Context, _ string, found func(string)) { dir.Find(ctx, found) }, o)
	}
	ctx, cancel := context.WithTimeout(ctx, registered)
	defer cancel()
	servers, err := dir.Servers(ctx)
	if err != nil {
		return nil, err
	}
	ch := &channel{byAddress: make(map[string]lookasidegrpc.Server), byID: make(map[string]lookasidegrpc.Server)}
	for _, s := range servers {
		one := lookasidegrpc.Server{ID: s.Path[0], Instance: s.Path[1], Address: s.Address}
		ch.byAddress[s.Address], ch.byID[one.ID+"/"+one.Instance] = one, one
	}
	if o.through != "" {
		ch.byAddress = nil
		ch.conn, err = rpc.Dial(o.through, rpc.FixedWindows()...)
		return ch, err
	}
	if mode == modeDirect {
		ch.conn, err = rpc.Dial(servers[0].Address, rpc.FixedWindows()...)
		return ch, err
	}
	addresses := manual.NewBuilderWithScheme("given")
	state := resolver.State{}
	for _, s := range servers {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: s.Address}}})
	}
	addresses.InitialState(state)
	ch.attempt = o.attempt
	ch.conn, err = rpc.Dial("given:///"+dir.Service, append(rpc.FixedWindows(), grpc.WithResolvers(addresses),
		grpc.WithDefaultServiceConfig(grpcConfigs[o.knobs.Text("choose")]))...)
	return ch, err
}

// openBalanced makes a channel that our balancer balances.
func openBalanced(name string, find func(ctx context.Context, service string, found func(addr string)), o *options) (*channel, error) {
	b, err := lookasidegrpc.New(lookasidegrpc.Config{
		Mode: o.knobs.Text("mode"), Choose: o.knobs.Text("choose"), Seed: o.seed,
		Find: find, Attempt: o.attempt, Retries: o.knobs.Int("retries"), Reserve: o.knobs.Int("reserve"),
		Retry: func(method string) bool { return method == lookasidev1.ComputeService_Compute_FullMethodName }, // it is pure
	})
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	conn, err := rpc.Dial(lookasidegrpc.Scheme+":///"+name, append(b.DialOptions(), rpc.FixedWindows()...)...)
	return &channel{conn: conn, builder: b}, err
}

// settle ends the reserve of picks, and says what came of it.
func (ch *channel) settle() Reserve {
	if ch.builder == nil {
		return Reserve{}
	}
	r := ch.builder.Settle()
	out := Reserve{Used: r.Used, Age: r.Age, Oldest: r.Oldest, Unused: make(map[string]int64)}
	for s, n := range r.Unused {
		out.Unused[s.ID+"/"+s.Instance] = n
	}
	return out
}

// close ends the channel, and the directory under it.
func (ch *channel) close() {
	_ = ch.conn.Close()
	if ch.dir != nil {
		ch.dir.Close()
	}
}

// compute makes a call and traces who had it.
func (ch *channel) compute(
	ctx context.Context, stub lookasidev1.ComputeServiceClient, req *lookasidev1.ComputeRequest, trace *lookasidegrpc.Trace,
) (*lookasidev1.ComputeResponse, error) {
	if ch.builder != nil {
		return stub.Compute(ctx, req, trace)
	}
	if ch.attempt > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, ch.attempt)
		defer cancel()
	}
	var at grpcpeer.Peer
	begin := time.Now()
	resp, err := stub.Compute(ctx, req, grpc.Peer(&at))
	a := lookasidegrpc.Attempt{At: begin, Err: err}
	switch {
	case ch.proxied():
		a.Server = ch.byID[resp.GetId()+"/"+resp.GetInstance()]
	case at.Addr != nil:
		a.Server = ch.byAddress[at.Addr.String()]
	}
	trace.Attempts = append(trace.Attempts, a)
	return resp, err
}

// proxied says that a proxy stands between.
func (ch *channel) proxied() bool { return ch.builder == nil && ch.byAddress == nil }

// stats is what the channel counted.
func (ch *channel) stats() (s lookasidegrpc.Stats) {
	if ch.builder != nil {
		s = ch.builder.Stats()
	}
	return s
}
