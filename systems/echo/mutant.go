package echo

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/record"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// The mutants: ways to be wrong on purpose, each of which one of the checks
// must find. Those of the server are faults of a system, those of the client
// faults of a measurement, which are no rarer.
const (
	mutantNone = "none"

	// Of the server.
	mutantAltered    = "altered"    // an answer has one bit that its request has not
	mutantRenumbered = "renumbered" // an answer carries the number of the one before
	mutantTwice      = "twice"      // a request is done twice, and answered once

	// Of the client.
	mutantInvented  = "invented"  // a request is counted as answered that was never sent
	mutantForgotten = "forgotten" // slow operations are left out of the record
	mutantShortened = "shortened" // operations are said to have taken half as long as they did
	mutantPostponed = "postponed" // an open loop counts from when it sent, not from when it was to
)

// mutants lists all of them.
var mutants = systems.Choice{
	mutantNone, mutantAltered, mutantRenumbered, mutantTwice,
	mutantInvented, mutantForgotten, mutantShortened, mutantPostponed,
}

// mutantEvery: one in so many requests is treated wrongly. Rare, as real faults
// are, and often enough for a trial of a tenth of a second.
const mutantEvery = 100

// mutate makes one in mutantEvery answers wrong.
func (s *service) mutate(resp *echov1.EchoResponse) {
	if resp.GetAnswered()%mutantEvery != 0 {
		return
	}
	switch s.mutant {
	case mutantAltered:
		if len(resp.GetPayload()) > 0 {
			resp.Payload[0] ^= 1
		}
	case mutantRenumbered:
		resp.Answered--
	case mutantTwice:
		resp.Answered = s.answered.Add(1)
	}
}

// clientMutants are those that need a generator of ours: ghz reports what it
// likes.
var clientMutants = []string{mutantInvented, mutantForgotten, mutantShortened, mutantPostponed}

// checkMutant refuses a mutant that would be as right as none.
func (c *config) checkMutant() error {
	ours := c.driver == driver.Closed || c.driver == driver.Open
	switch {
	case slices.Contains(clientMutants, c.mutant) && !ours:
		return fmt.Errorf("echo: mutant %s is one of our own loops, not of driver %s", c.mutant, c.driver)
	case c.lie != lie.None && !ours:
		return fmt.Errorf("echo: lie %s is one of our own loops, not of driver %s", c.lie, c.driver)
	case c.mutant == mutantPostponed && c.driver != driver.Open:
		return fmt.Errorf("echo: mutant %s needs driver %s: nothing else has intended starts", c.mutant, driver.Open)
	}
	return nil
}

// inventor is a connection on which one in mutantEvery calls is not made, and
// answered all the same.
type inventor struct {
	grpc.ClientConnInterface
	calls atomic.Uint64
}

// Invoke implements grpc.ClientConnInterface.
func (i *inventor) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	req, asked := args.(*echov1.EchoRequest)
	resp, answered := reply.(*echov1.EchoResponse)
	if asked && answered && i.calls.Add(1)%mutantEvery == 0 {
		resp.Payload = req.GetPayload()
		return nil
	}
	return i.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// mutateConn is the connection of a client with a mutant.
func mutateConn(conn grpc.ClientConnInterface, mutant string) grpc.ClientConnInterface {
	if mutant == mutantInvented {
		return &inventor{ClientConnInterface: conn}
	}
	return conn
}

// misreporting is a loop whose client says something else than what it saw.
type misreporting struct {
	driver.Single
	mutant, lie string
}

// Run implements driver.Single.
func (m misreporting) Run(ctx context.Context, op load.Op) (load.Result, error) {
	res, err := m.Single.Run(ctx, lie.Op(m.lie, op))
	if err == nil {
		misreport(m.mutant, &res)
		lie.Result(m.lie, &res)
	}
	return res, err
}

// misreport changes what a client says of its own load.
func misreport(mutant string, res *load.Result) {
	switch mutant {
	case mutantForgotten:
		forget(res)
	case mutantShortened:
		for i := 0; i < len(res.Spans); i += mutantEvery {
			s := &res.Spans[i]
			s.End -= (s.End - s.Begin) / 2
		}
	case mutantPostponed:
		for i := range res.Spans {
			res.Spans[i].Begin = res.SentNS[i]
		}
	default:
		return
	}
	res.Latency = record.NewHistogram()
	for _, s := range res.Spans {
		at := s.End
		if res.Schedule != nil {
			at = s.Begin
		}
		if s.Outcome == record.OK && at >= res.BeginNS && at < res.EndNS {
			res.Latency.Record(time.Duration(s.End - s.Begin))
		}
	}
}

// forget drops the slowest operations, one in mutantEvery.
func forget(res *load.Result) {
	if len(res.Spans) == 0 {
		return
	}
	var took []int64
	for _, s := range res.Spans {
		took = append(took, s.End-s.Begin)
	}
	slices.Sort(took)
	slow := took[len(took)*(mutantEvery-1)/mutantEvery]
	spans, sent := res.Spans, res.SentNS
	res.Spans, res.SentNS = nil, nil
	for i, s := range spans {
		if s.End-s.Begin >= slow {
			continue
		}
		res.Spans = append(res.Spans, s)
		if res.Schedule != nil {
			res.SentNS = append(res.SentNS, sent[i])
		}
	}
}
