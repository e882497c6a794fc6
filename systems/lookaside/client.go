package lookaside

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/service"
	"dyno/systems/lookaside/wait"
)

const (
	maxRepicks  = 3               // of one request, after servers that broke off
	pickTimeout = 2 * time.Second // of one call to the balancer
)

// caller does the requests of all clients of a process: ask the balancer, send
// the work to the server that it names, verify the answer.
type caller struct {
	finder  *finder
	servers *serverPool
	seed    uint64
	rounds  uint32
	attempt time.Duration // what one server is given; then it counts as failed
	clients []clientLog   // of an open loop: one per slot that its load may use
}

// clientLog is one client's account of its requests. Only the client itself
// touches it while the load runs.
type clientLog struct {
	answers  []answer // one per request, in order
	counts   record.Counts
	sent     map[int32]int64 // attempts that left for each server
	repicks  int64           // picks after a broken attempt
	verified int64           // answers held against the client's own computation
	wrong    int64           // of these, those that differed
	reason   string          // of the last request that was not ok
}

// answer is what the server said about one request; the zero value when there
// was no answer.
type answer struct{ service, sojourn time.Duration }

func newCaller(f *finder, o clientOptions) *caller {
	return &caller{finder: f, servers: newServerPool(), seed: o.seed, rounds: uint32(o.rounds), attempt: o.attempt, clients: make([]clientLog, o.slots())}
}

// do is one request of one client, a load.Op.
func (c *caller) do(ctx context.Context, client int) (int32, record.Outcome) {
	log := &c.clients[client]
	req := &lookasidev1.ComputeRequest{
		Seed:   mix(c.seed, streamRequest, uint64(client), uint64(len(log.answers))),
		Rounds: c.rounds,
	}
	target, resp, outcome, err := c.request(ctx, log, req)
	log.answers = append(log.answers, answer{service: time.Duration(resp.GetServiceNs()), sojourn: time.Duration(resp.GetSojournNs())})
	if err != nil {
		log.reason = err.Error()
	} else if err := log.verify(req, resp); err != nil {
		log.reason = err.Error()
		outcome = record.Failed
	}
	log.counts.Tally(outcome)
	return target, outcome
}

// count notes an attempt that leaves for a server.
func (l *clientLog) count(target int32) {
	if l.sent == nil {
		l.sent = make(map[int32]int64)
	}
	l.sent[target]++
}

// verify computes the answer anew.
func (l *clientLog) verify(req *lookasidev1.ComputeRequest, resp *lookasidev1.ComputeResponse) error {
	l.verified++
	if want := service.Hash(req.GetSeed(), req.GetRounds()); resp.GetDigest() != want {
		l.wrong++
		return fmt.Errorf("server %s answered %#x to seed %#x, not %#x", resp.GetId(), resp.GetDigest(), req.GetSeed(), want)
	}
	return nil
}

// request picks and computes until a server answers. Computing is pure, so
// work whose server broke off is sent to another one.
func (c *caller) request(ctx context.Context, log *clientLog, req *lookasidev1.ComputeRequest) (target int32, _ *lookasidev1.ComputeResponse, _ record.Outcome, _ error) {
	var failed []*lookasidev1.Instance
	var b wait.Backoff
	target = nobody
	for i := range maxRepicks + 1 {
		if i > 1 { // one bad server is the usual case; several in a row are a matter of time
			b.Wait(ctx, nil)
		}
		pick, err := c.pick(ctx, failed)
		if err != nil {
			return target, nil, pickOutcome(target, err), err
		}
		server, err := c.servers.use(pick)
		if err != nil {
			return target, nil, record.Failed, err
		}
		if target != nobody {
			log.repicks++
		}
		target = server.index
		log.count(target)
		resp, err := c.compute(ctx, server, req)
		c.servers.done(server)
		if err == nil {
			return target, resp, record.OK, nil
		}
		if !brokeOff(err) || ctx.Err() != nil {
			return target, nil, rpc.Outcome(err), err
		}
		failed = []*lookasidev1.Instance{{Id: pick.GetId(), Instance: pick.GetInstance()}}
	}
	err := fmt.Errorf("%d servers in a row broke off", maxRepicks+1)
	return target, nil, record.Unknown, err
}

// pickOutcome is the outcome of a request that found no server. When the
// balancer says that there is none, that is a refusal; when it cannot be
// reached, a failure, unless a server was reached before.
func pickOutcome(target int32, err error) record.Outcome {
	switch {
	case target != nobody:
		return record.Unknown
	case rpc.KindOf(err) == rpc.Unavailable:
		return record.Refused
	default:
		return record.Failed
	}
}

func (c *caller) compute(ctx context.Context, s *peer, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, c.attempt)
	defer cancel()
	return s.client.Compute(ctx, req)
}

// pick asks the balancer. While it cannot be reached, it is looked for until
// the request's time is up; when it has no server, it is asked a few times
// more before that is taken for an answer.
func (c *caller) pick(ctx context.Context, failed []*lookasidev1.Instance) (*lookasidev1.PickResponse, error) {
	var b wait.Backoff
	for refusals := 0; ; {
		conn, moved, err := c.finder.connect()
		if err == nil && conn != nil {
			var resp *lookasidev1.PickResponse
			if resp, err = c.ask(ctx, lookasidev1.NewBalancerServiceClient(conn), failed); err == nil {
				return resp, nil
			}
		}
		if err == nil {
			err = fmt.Errorf("no balancer is announced for service %s", c.finder.dir.service)
		}
		if kind := rpc.KindOf(err); kind == rpc.Unavailable {
			refusals++
		} else if kind != rpc.None {
			return nil, err
		}
		if refusals > maxRepicks || ctx.Err() != nil {
			return nil, err
		}
		b.Wait(ctx, moved)
	}
}

func (c *caller) ask(ctx context.Context, lb lookasidev1.BalancerServiceClient, failed []*lookasidev1.Instance) (*lookasidev1.PickResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, pickTimeout)
	defer cancel()
	return lb.Pick(ctx, &lookasidev1.PickRequest{Failed: failed})
}

// brokeOff says that the server did not answer: the connection failed, or it
// took longer than an attempt may. What a server of dyno itself says is an
// answer.
func brokeOff(err error) bool {
	if rpc.KindOf(err) != rpc.None {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	default:
		return false
	}
}
