package rival

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"dyno/bench/deposit"
	"dyno/bench/rival"
)

// redisLoad is how clients reach Redis.
type redisLoad struct {
	addr      string
	wait      bool
	sentinels string
}

// set makes it a load's store. Where servers may be gone, writes are told apart.
func (o redisLoad) set(l *deposit.Load) {
	f := &finder{addr: o.addr, sentinels: strings.Split(o.sentinels, ",")}
	gone := l.Gone
	l.Open = func(_ context.Context, client int) (deposit.Store, error) {
		s := &redisStore{find: f.primary, wait: o.wait, patience: "0", write: func(int64) []string {
			return []string{"INCRBY", balanceKey(client), "1"}
		}}
		if gone {
			s.patience, s.lost, s.write = lostPatience, f.look, appendTo(listKey(client))
		}
		return s, nil
	}
	l.Stay = func(ctx context.Context) (deposit.Store, error) {
		s := &redisStore{find: func() string { return o.addr }, wait: o.wait, patience: lostPatience, write: appendTo(stayKey), stays: true}
		return s, s.connect(ctx, o.addr)
	}
}

// lostPatience is how long WAIT waits where the replica may be gone, milliseconds.
const lostPatience = "200"

func appendTo(key string) func(int64) []string {
	return func(n int64) []string { return []string{"RPUSH", key, strconv.FormatInt(n, 10)} }
}

// redisStore is one client's connection.
type redisStore struct {
	find     func() string // who the primary is
	lost     func(context.Context)
	wait     bool
	patience string
	write    func(n int64) []string
	stays    bool // a server that gave no receipt is asked again

	conn *rival.Conn
	to   string // the server that conn leads to
}

// Write implements [deposit.Store]. After an error the connection is of no more
// use: answers that are still to come would be taken for those of other writes.
func (s *redisStore) Write(ctx context.Context, n int64) error {
	addr := s.find()
	if s.conn != nil && s.to != addr {
		_ = s.Close()
	}
	err := s.connect(ctx, addr)
	if err == nil {
		err = s.once(ctx, n)
	}
	if err == nil || s.stays {
		return err
	}
	_ = s.Close()
	if s.lost != nil {
		look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookBound)
		defer cancel()
		s.lost(look)
	}
	return err
}

func (s *redisStore) connect(ctx context.Context, addr string) (err error) {
	if s.conn == nil {
		s.conn, err = rival.DialRedis(ctx, addr)
		s.to = addr
	}
	if err != nil {
		s.conn = nil
	}
	return err
}

// once sends a write and the question for the replica's receipt together.
func (s *redisStore) once(ctx context.Context, n int64) error {
	commands := [][]string{s.write(n)}
	if s.wait {
		commands = append(commands, []string{"WAIT", "1", s.patience})
	}
	replies, err := s.conn.Pipe(ctx, commands...)
	if err != nil {
		return err
	}
	for _, r := range replies {
		if no, is := r.(rival.RedisError); is {
			return no
		}
	}
	if got, _ := replies[len(replies)-1].(int64); s.wait && got < 1 {
		return deposit.ErrNoReceipt
	}
	return nil
}

// Close implements [deposit.Store].
func (s *redisStore) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// Bounds of asking the sentinels: how long, and how often.
const (
	lookBound = 300 * time.Millisecond
	lookPause = 5 * time.Millisecond
)

// finder knows who the primary is, as sentinels say.
type finder struct {
	sentinels []string
	mu        sync.Mutex
	addr      string
	looked    time.Time
}

func (f *finder) primary() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addr
}

// look asks the sentinels, the first that answers; who comes meanwhile takes over
// the answer.
func (f *finder) look(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookPause {
		return
	}
	for _, s := range f.sentinels {
		if addr, err := (&rival.Redis{Endpoint: s}).Primary(ctx); err == nil {
			f.addr, f.looked = addr, time.Now()
			return
		}
	}
}
