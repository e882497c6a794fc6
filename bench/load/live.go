package load

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"dyno/internal/record"
)

// LiveVar is the environment variable that names a datagram socket: a process in
// whose environment it is tells there what its operations are like while they run,
// every [LiveIn] of its window. Nothing is told without it.
const LiveVar = "DYNO_LIVE"

// LiveEvery is how often that happens at least.
const LiveEvery = 500 * time.Millisecond

// LiveIn is how often a window of a length is told of: four times, but not more than
// twenty times a second. 0 is one whose length is not known.
func LiveIn(length time.Duration) time.Duration {
	if length <= 0 {
		return LiveEvery
	}
	return min(max(length/4, LiveEvery/10), LiveEvery)
}

// Live is what is told: of the operations that ended since it was told last, warm-up
// included. It is to be looked at, and is what is left where a machine is lost; figures
// are made from spans.
type Live struct {
	PID     int               `json:"pid"` // of the process that tells
	Seconds float64           `json:"s"`
	OK      int64             `json:"ok"`
	Other   int64             `json:"other"`
	Latency *record.Histogram `json:"latency,omitempty"` // of those that were OK, right to 1 %; nil where none was
}

// Listener is where processes tell.
type Listener struct {
	dir  string
	from net.PacketConn
	over sync.WaitGroup
}

// Listen hands everything that is told to a function, which keeps nothing of it.
func Listen(each func(told []byte)) (*Listener, error) {
	dir, err := os.MkdirTemp("", "dyno") // short: a socket's path has a limit
	if err != nil {
		return nil, err
	}
	l := &Listener{dir: dir}
	if l.from, err = net.ListenPacket("unixgram", filepath.Join(dir, "live")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	l.over.Go(func() {
		for buf := make([]byte, 1<<16); ; {
			n, _, err := l.from.ReadFrom(buf)
			if err != nil {
				return
			}
			each(buf[:n])
		}
	})
	return l, nil
}

// Env is for the environment of who is to tell; nothing where nobody listens.
func (l *Listener) Env() []string {
	if l == nil {
		return nil
	}
	return []string{LiveVar + "=" + l.from.LocalAddr().String()}
}

// Close ends it, and waits. Closing it again does nothing.
func (l *Listener) Close() {
	if l != nil {
		_ = l.from.Close()
		l.over.Wait()
		_ = os.RemoveAll(l.dir) // of the system's temporary files: what stays is swept
	}
}

// tap takes in what every worker does, and tells. A nil one does nothing.
type tap struct {
	to     net.Conn
	shards [16]struct {
		mu        sync.Mutex
		latency   *record.Histogram
		ok, other int64
		_         [64]byte
	}
	told time.Time
	stop chan struct{}
	done chan struct{}
}

// newTap is nil unless somebody wants to be told and can be reached: a look at a run
// must not be what ends it.
func newTap(length time.Duration) *tap {
	path := os.Getenv(LiveVar)
	if path == "" {
		return nil
	}
	to, err := net.Dial("unixgram", path)
	if err != nil {
		return nil
	}
	t := &tap{to: to, told: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	for i := range t.shards {
		t.shards[i].latency = record.NewCoarseHistogram()
	}
	go t.run(LiveIn(length))
	return t
}

func (t *tap) run(every time.Duration) {
	defer close(t.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.tell()
		}
	}
}

func (t *tap) close() {
	if t == nil {
		return
	}
	close(t.stop)
	<-t.done
	t.tell()
	t.to.Close()
}

// each is what a run's Each becomes.
func (t *tap) each(then func(record.Span)) func(record.Span) {
	if t == nil {
		return then
	}
	return func(s record.Span) {
		t.see(s)
		if then != nil {
			then(s)
		}
	}
}

func (t *tap) see(span record.Span) {
	s := &t.shards[int(span.Client)%len(t.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if span.Outcome != record.OK {
		s.other++
		return
	}
	s.ok++
	s.latency.Record(time.Duration(span.End - span.Begin))
}

// tell sends what was seen since the last time. What nobody takes before the next is
// due is lost.
func (t *tap) tell() {
	now, all := time.Now(), record.NewCoarseHistogram()
	out := Live{PID: os.Getpid(), Seconds: now.Sub(t.told).Seconds()}
	t.told = now
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		out.OK, out.Other = out.OK+s.ok, out.Other+s.other
		if s.ok > 0 {
			all.Merge(s.latency)
			s.latency = record.NewCoarseHistogram()
		}
		s.ok, s.other = 0, 0
		s.mu.Unlock()
	}
	if out.OK > 0 {
		out.Latency = all
	}
	text, err := json.Marshal(out)
	if err != nil {
		return // cannot happen: all of it is finite
	}
	_ = t.to.SetWriteDeadline(time.Now().Add(LiveEvery)) // after one no write is tried, though there be room
	_, _ = t.to.Write(text)
}
