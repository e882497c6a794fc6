// Package client is the role client: the load, sent over a balanced channel,
// with each answer verified, and the [Summary] of it that a trial reads.
package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/core/service"
	"dyno/systems/lookaside/lookasidegrpc"
)

const (
	maxInstances = 10_000 // known over the life of a process

	nobody = int32(-1) // the target of a request that no server got
)

// caller does the requests of all clients of a process: an ordinary call over a
// balanced channel, and the answer verified.
type caller struct {
	channel   *channel
	stub      lookasidev1.ComputeServiceClient
	seed      uint64
	rounds    uint32
	attempt   time.Duration
	instances instances
	errors    load.FirstError
	calls     int         // of each client that are written down
	clients   []clientLog // of an open loop: one per slot that its load may use
}

// clientLog is one client's account of its requests. Only the client itself
// touches it while the load runs.
type clientLog struct {
	last       answer // to the last request
	counts     record.Counts
	tried      map[int32]*tries
	trace      lookasidegrpc.Trace // of the request under way
	repicks    int64               // attempts after a broken one
	broken     int64               // attempts that did not bring an answer
	lastBroken time.Time           // when the last request ended that had one
	verified   int64               // answers held against the client's own computation
	wrong      int64               // of these, those that differed
	reason     string              // of the last request that was not ok
	calls      []Call              // the first ones, as many as are asked for
}

// tries is what one client had to do with one server: sums, so that a client may
// go on for any time.
type tries struct {
	sent   int64
	last   time.Time // when it was picked last
	total  Work      // of its right answers
	window Work      // of those that ended in the measured window
}

// answer is how one request ended: who had it last, and what the server said
// about it; without times when there was no answer.
type answer struct {
	target           int32
	ok               bool
	service, sojourn time.Duration
}

func newCaller(ch *channel, o options) *caller {
	return &caller{
		channel: ch, stub: lookasidev1.NewComputeServiceClient(ch.conn),
		attempt: o.attempt, seed: o.seed, rounds: uint32(o.rounds), calls: o.calls, clients: make([]clientLog, o.slots()),
	}
}

// do is one request of one client, a load.Op.
func (c *caller) do(ctx context.Context, client int) (int32, record.Outcome) {
	log := &c.clients[client]
	req := &lookasidev1.ComputeRequest{
		Seed:   seed.Mix(c.seed, seed.Request, uint64(client), uint64(log.counts.Sent)),
		Rounds: c.rounds,
	}
	log.trace.Attempts = log.trace.Attempts[:0]
	began := time.Now()
	resp, err := c.channel.compute(ctx, c.stub, req, &log.trace)
	if a := log.trace.Attempts; c.channel.proxied() && (err != nil || time.Since(a[0].At) >= c.attempt) {
		log.lastBroken = time.Now() // the proxy waited for a server that did not answer
	}
	target, outcome := c.settle(log, err)
	if err == nil {
		if err = log.verify(req, resp); err != nil {
			outcome = record.Failed
		}
	}
	if err != nil {
		log.reason = err.Error()
		c.errors.Note(log.reason)
	}
	if len(log.calls) < c.calls {
		log.calls = append(log.calls, call(client, began, log, target, outcome))
	}
	log.last = answer{
		target: target, ok: outcome == record.OK,
		service: time.Duration(resp.GetServiceNs()), sojourn: time.Duration(resp.GetSojournNs()),
	}
	if t := log.tried[target]; t != nil && log.last.ok {
		t.total.add(log.last)
	}
	log.counts.Tally(outcome)
	return target, outcome
}

// call writes a request down that has just ended.
func call(client int, began time.Time, log *clientLog, target int32, outcome record.Outcome) Call {
	n := Call{
		Client: client, Number: log.counts.Sent, Began: began.UnixNano(), Ended: time.Now().UnixNano(), Server: target,
		Outcome: outcome,
	}
	if outcome != record.OK {
		n.Reason = log.reason
	}
	if len(log.trace.Attempts) > 0 {
		n.Sent = log.trace.Attempts[0].At.UnixNano()
	}
	return n
}

// within returns what is to be told of each span of a load, to know which right
// answers came in its window.
func (c *caller) within(warmup, length time.Duration) func(record.Span) {
	begin, end := int64(warmup), int64(warmup+length)
	return func(s record.Span) {
		log := &c.clients[s.Client]
		if t := log.tried[log.last.target]; t != nil && log.last.ok && s.End >= begin && s.End <= end {
			t.window.add(log.last)
		}
	}
}

// settle counts a request's attempts and says who had it last and what may be
// said of its end: when a server broke off on the way it may have been done,
// though the last one refused.
func (c *caller) settle(log *clientLog, err error) (target int32, _ record.Outcome) {
	target = nobody
	outcome := rpc.Outcome(err)
	for _, a := range log.trace.Attempts {
		if a.Server.ID == "" {
			if a.Err != nil && c.channel.proxied() {
				log.broken++
			}
			continue
		}
		if target != nobody {
			log.repicks++
		}
		if a.Err != nil {
			log.broken++
			log.lastBroken = time.Now()
		}
		target = c.instances.index(a.Server)
		log.count(target, a.At)
		if err != nil && rpc.Outcome(a.Err) == record.Unknown {
			outcome = record.Unknown
		}
	}
	if target == nobody && outcome == record.Unknown && !c.channel.proxied() {
		outcome = record.Failed // nobody had it
	}
	return target, outcome
}

// count notes an attempt that left for a server.
func (l *clientLog) count(target int32, at time.Time) {
	if l.tried == nil {
		l.tried = make(map[int32]*tries)
	}
	t := l.tried[target]
	if t == nil {
		t = new(tries)
		l.tried[target] = t
	}
	t.sent++
	t.last = at
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

// instances numbers the servers that a client process has met. It is safe for
// concurrent use; the zero value is ready.
type instances struct {
	mu      sync.RWMutex
	numbers map[lookasidegrpc.Server]int32
	all     []lookasidegrpc.Server
}

// index is an instance's number; past maxInstances, that of nobody.
func (in *instances) index(s lookasidegrpc.Server) int32 {
	in.mu.RLock()
	n, known := in.numbers[s]
	in.mu.RUnlock()
	if known {
		return n
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if n, known := in.numbers[s]; known {
		return n
	}
	if len(in.all) >= maxInstances {
		return nobody
	}
	if in.numbers == nil {
		in.numbers = make(map[lookasidegrpc.Server]int32)
	}
	n = int32(len(in.all))
	in.numbers[s] = n
	in.all = append(in.all, s)
	return n
}
