package client

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	standbyv1 "dyno/proto/standby/v1"
)

// maxBatch bounds the requests in one message.
const maxBatch = 1024

var (
	errSilent = errors.New("no answer in time")
	errClosed = errors.New("the bank was closed")
)

// stream sends the requests of all sessions to one server over one stream, which
// is opened when there is something to send and again after it broke. A server
// from which nothing comes within the time of an attempt has its stream broken,
// so that nobody goes on waiting and nothing old is sent.
type stream struct {
	client  standbyv1.AccountServiceClient
	attempt time.Duration
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conn   *streamConn // nil: none is open
}

// streamConn is the stream between its opening and its end.
type streamConn struct {
	cancel  context.CancelFunc
	wake    chan struct{}
	waiting map[uint64]*call // by client
	queue   []*standbyv1.ActRequest_Item
	heard   time.Time // when something came last
}

// call is a request that waits for its answer.
type call struct {
	number uint64
	result chan result
}

type result struct {
	answer *standbyv1.Answer
	err    error
}

func newStream(c standbyv1.AccountServiceClient, attempt time.Duration) *stream {
	return &stream{client: c, attempt: attempt}
}

func (s *stream) ask(ctx context.Context, item *standbyv1.ActRequest_Item) (*standbyv1.Answer, error) {
	caller := item.GetCaller()
	c := &call{caller.GetNumber(), make(chan result, 1)}
	began := time.Now()
	conn, err := s.enqueue(caller.GetClient(), c, item)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(s.attempt)
	defer timer.Stop()
	select {
	case r := <-c.result:
		return r.answer, r.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errSilent
	}
	s.mu.Lock()
	if conn.waiting[caller.GetClient()] == c {
		delete(conn.waiting, caller.GetClient())
		if err == errSilent && conn.heard.Before(began) {
			s.drop(conn, errSilent)
		}
		c.result <- result{nil, err}
	}
	s.mu.Unlock()
	r := <-c.result
	return r.answer, r.err
}

// enqueue hands a request to the stream, and opens it if there is none.
func (s *stream) enqueue(client uint64, c *call, item *standbyv1.ActRequest_Item) (*streamConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.conn == nil {
		ctx, cancel := context.WithCancel(context.Background())
		s.conn = &streamConn{cancel: cancel, wake: make(chan struct{}, 1), waiting: map[uint64]*call{}}
		conn := s.conn
		s.running.Go(func() { s.run(ctx, conn) })
	}
	s.conn.waiting[client] = c
	s.conn.queue = append(s.conn.queue, item)
	select {
	case s.conn.wake <- struct{}{}:
	default:
	}
	return s.conn, nil
}

// run opens a stream, sends, and hands out answers until it ends.
func (s *stream) run(ctx context.Context, conn *streamConn) {
	act, err := s.client.Act(ctx)
	if err == nil {
		s.running.Go(func() { s.send(ctx, conn, act) })
		for err == nil {
			var m *standbyv1.ActResponse
			if m, err = act.Recv(); err == nil {
				s.deliver(conn, m.GetItems())
			}
		}
	}
	s.mu.Lock()
	s.drop(conn, err)
	s.mu.Unlock()
}

// send sends what there is, in as few messages as possible.
func (s *stream) send(ctx context.Context, conn *streamConn, act standbyv1.AccountService_ActClient) {
	var spare []*standbyv1.ActRequest_Item
	for {
		select {
		case <-conn.wake:
		case <-ctx.Done():
			return
		}
		runtime.Gosched() // one message with answers has woken many, who all have something to send
		s.mu.Lock()
		batch := conn.queue
		conn.queue, spare = spare[:0], batch
		s.mu.Unlock()
		for len(batch) > 0 {
			n := min(len(batch), maxBatch)
			if act.Send(&standbyv1.ActRequest{Items: batch[:n]}) != nil {
				return // its reason is what Recv returns
			}
			batch = batch[n:]
		}
		clear(spare)
	}
}

// deliver hands answers to those who wait for them.
func (s *stream) deliver(conn *streamConn, items []*standbyv1.ActResponse_Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn.heard = time.Now()
	for _, i := range items {
		c := conn.waiting[i.GetClient()]
		if c == nil || c.number != i.GetNumber() {
			continue // who asked has given up
		}
		delete(conn.waiting, i.GetClient())
		r := result{answer: i.GetAnswer()}
		if r.answer == nil {
			r.err = refused{i.GetRefusal()}
		}
		c.result <- r
	}
}

// drop ends a stream; nobody who waits gets an answer. mu is held.
func (s *stream) drop(conn *streamConn, err error) {
	conn.cancel()
	if s.conn == conn {
		s.conn = nil
	}
	for client, c := range conn.waiting {
		delete(conn.waiting, client)
		c.result <- result{err: err}
	}
}

func (s *stream) close() {
	s.mu.Lock()
	s.closed = true
	if s.conn != nil {
		s.drop(s.conn, errClosed)
	}
	s.mu.Unlock()
	s.running.Wait()
}
