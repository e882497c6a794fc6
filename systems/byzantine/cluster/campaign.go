package cluster

import (
	"context"
	"sync"
	"time"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"

	"google.golang.org/protobuf/proto"
)

// campaign is one run as one general lives it.
type campaign struct {
	run       uint64
	algorithm general.Algorithm
	config    general.Config
	protocol  general.Protocol
	timeout   time.Duration
	peers     []byzantinev1.GeneralServiceClient // nothing at the own place
	dieIn     int
	keep      int // messages of the transcript
	lie       string

	mu      sync.Mutex
	begun   bool
	open    int                                   // the first round that is not over
	told    bool                                  // the summary has been given
	boxes   []map[int]*byzantinev1.DeliverRequest // by round less one, by sender
	arrived chan struct{}                         // has an element after an arrival
	summary byzantinev1.BeginResponse
}

func (c *campaign) rounds() int { return c.algorithm.Rounds(c.config.T) }

// deliver takes in a batch. Only the first of a sender and round counts, and
// only until the round is over.
func (c *campaign) deliver(from int, req *byzantinev1.DeliverRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told {
		return
	}
	round := int(req.GetRound())
	if round < c.open || round < 1 || round > c.rounds() || c.boxes[round-1][from] != nil {
		c.summary.Refused++
		countBatch(&c.summary.TurnedAway, req)
		return
	}
	if c.boxes[round-1] == nil {
		c.boxes[round-1] = make(map[int]*byzantinev1.DeliverRequest)
	}
	c.boxes[round-1][from] = req
	c.summary.Batches++
	c.summary.Bytes += c.sizeOf(req)
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// begin plays all rounds, the first of which starts at a given time.
func (c *campaign) begin(ctx context.Context, start time.Time) (*byzantinev1.BeginResponse, error) {
	c.mu.Lock()
	if c.begun {
		c.mu.Unlock()
		return nil, rpc.Errorf(rpc.Precondition, "run %d has begun already", c.run)
	}
	c.begun = true
	c.mu.Unlock()
	if err := backoff.Sleep(ctx, time.Until(start)); err != nil {
		return nil, err
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	out := c.protocol.Step(0, nil)
	for round := 1; round <= c.rounds(); round++ {
		// Deadlines count from the common start: if they counted from a round's
		// own beginning, a general who had to wait for one that is silent to him
		// alone would be late for all the others ever after.
		end := start.Add(time.Duration(round) * c.timeout)
		c.send(ctx, &sending, round, end, out)
		inbox, err := c.await(ctx, round, end)
		if err != nil {
			return nil, err
		}
		out = c.protocol.Step(round, inbox)
	}
	return c.report(time.Since(start)), nil
}

// await returns what came in a round: when all who should have spoken have, or
// when the round is over.
func (c *campaign) await(ctx context.Context, round int, end time.Time) ([]general.Delivery, error) {
	over := time.NewTimer(time.Until(end))
	defer over.Stop()
	for !c.complete(round) {
		select {
		case <-c.arrived:
		case <-over.C:
			return c.take(round), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return c.take(round), nil
}

// complete reports whether everybody who should speak in a round has.
func (c *campaign) complete(round int) bool {
	senders, receivers := c.algorithm.Talk(c.config, round)
	if !receivers.Has(c.config.Me) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range (senders &^ general.Only(c.config.Me)).All() {
		if c.boxes[round-1][id] == nil {
			return false
		}
	}
	return true
}

// take closes a round and returns its messages in the order of their senders.
func (c *campaign) take(round int) []general.Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = round + 1
	var inbox []general.Delivery
	for from := range c.config.N {
		for _, m := range c.boxes[round-1][from].GetMessages() {
			d := general.Delivery{From: from, Message: fromMessage(m)}
			inbox = append(inbox, d)
			if len(c.summary.Transcript) < c.keep && len(d.Path) > 0 && int(d.Path[len(d.Path)-1]) == from {
				c.summary.Transcript = append(c.summary.Transcript, &byzantinev1.Message{Path: m.GetPath(), Value: m.GetValue(), Round: uint32(round)})
			}
		}
	}
	c.boxes[round-1] = nil
	return inbox
}

// send tells each receiver of a round what there is for it. A loyal general
// sends a batch even when there is nothing, so that nobody waits for it.
func (c *campaign) send(ctx context.Context, sending *sync.WaitGroup, round int, end time.Time, out []general.Parcel) {
	me := c.config.Me
	senders, receivers := c.algorithm.Talk(c.config, round)
	if !senders.Has(me) {
		return
	}
	reached := 0
	for to := range (receivers &^ general.Only(me) &^ general.Mute(c.protocol)).All() {
		req := &byzantinev1.DeliverRequest{Run: c.run, Round: uint32(round)}
		for _, p := range out {
			if p.To.Has(to) {
				req.Messages = append(req.Messages, toMessage(p.Message))
			}
		}
		if c.dieIn == round && reached >= receivers.Len()/2 {
			sending.Wait()
			die()
		}
		reached++
		c.tell(&c.summary.Sent, req)
		sending.Go(func() {
			ctx, cancel := context.WithDeadline(ctx, end)
			defer cancel()
			// Whoever cannot be reached hears nothing, and nothing can be done
			// about it: to him this general is silent.
			if _, err := c.peers[to].Deliver(ctx, req); err != nil {
				c.tell(&c.summary.Unanswered, req)
			}
		})
	}
}

// tell counts a batch that this general sends. Whoever heard it counts it too,
// in a process of its own.
func (c *campaign) tell(t **byzantinev1.Traffic, req *byzantinev1.DeliverRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	countBatch(t, req)
}

// report is what came of the run at this general.
func (c *campaign) report(took time.Duration) *byzantinev1.BeginResponse {
	d, tally := c.protocol.Decide(), c.protocol.Tally()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = true
	a := &c.summary
	a.Decision, a.Vector, a.Votes = toOrder(d.Value), toOrders(d.Vector), toOrders(d.Votes)
	a.Accepted, a.Dropped = tally.Accepted, tally.Drops[:]
	a.TookNs, a.CpuNs = took.Nanoseconds(), OwnCPU().Nanoseconds()
	return a
}

// sizeOf is what a general takes a batch's size for.
func (c *campaign) sizeOf(req *byzantinev1.DeliverRequest) (bytes int64) {
	if c.lie != play.LieUnframed {
		return int64(proto.Size(req))
	}
	for _, m := range req.GetMessages() {
		bytes += int64(proto.Size(m))
	}
	return bytes
}
