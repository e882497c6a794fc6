package target

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"dyno/bench/load"
)

// sent is a request under way.
type sent struct {
	due    time.Time
	expect *expectation
}

// talk is a stream whose requests wait for no answer.
func (s *stream) talk(ctx context.Context, cancel context.CancelFunc) error {
	const most = 1 << 16                                       // beyond, requests wait for answers after all
	requests := make(chan sent, min(s.streams.messages, most)) // the i-th answer belongs to the i-th of them
	failed := make(chan error, 1)
	go func() {
		defer close(requests)
		err := s.pace(ctx, func(due time.Time) error { return s.put(ctx, requests, due) })
		if err == nil {
			err = s.CloseSend()
		}
		if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil { // of the other ends the reader learns the reason
			failed <- err
			cancel()
		}
	}()
	err := s.hear(requests)
	cancel()
	for range requests { // until the sender is gone
	}
	select {
	case err = <-failed:
	default:
	}
	return err
}

// put sends a request, and says so before it can be answered.
func (s *stream) put(ctx context.Context, requests chan<- sent, due time.Time) error {
	q, err := s.requests.next()
	if err != nil {
		return err
	}
	select {
	case requests <- sent{due, q.expect}:
	case <-ctx.Done():
		return io.EOF
	}
	return s.SendMsg(q)
}

// hear takes the answers until the server ends the stream.
func (s *stream) hear(requests <-chan sent) error {
	for s.count < s.streams.messages || !s.streams.paired {
		var q sent
		if s.streams.paired {
			q = <-requests
		} else {
			q.due = s.last
			s.expected = latest(requests, s.expected)
			q.expect = s.expected
		}
		err := s.receive(q.expect, q.due)
		switch {
		case errors.Is(err, io.EOF) && s.streams.paired:
			return s.unpaired(err)
		case errors.Is(err, io.EOF):
			return s.answered()
		case err != nil:
			return err
		}
	}
	return s.finish()
}

// latest is what is expected of an answer that belongs to no request: what the
// latest one says.
func latest(requests <-chan sent, so *expectation) *expectation {
	for {
		select {
		case q, ok := <-requests:
			if !ok {
				return so
			}
			so = q.expect
		default:
			return so
		}
	}
}

// pace sends requests when they are due.
func (s *stream) pace(ctx context.Context, send func(due time.Time) error) error {
	if s.streams.rate == 0 {
		for range s.streams.messages {
			if err := send(time.Now()); err != nil {
				return err
			}
		}
		return nil
	}
	alarm, err := load.NewAlarm()
	if err != nil {
		return err
	}
	defer alarm.Close()
	defer context.AfterFunc(ctx, alarm.Close)()
	for i := range s.streams.messages {
		due := s.opened.Add(time.Duration(float64(i) * 1e9 / s.streams.rate))
		if err := alarm.Wait(time.Until(due)); err != nil {
			return cmp.Or(ctx.Err(), err)
		}
		if err := send(due); err != nil {
			return err
		}
	}
	return nil
}
