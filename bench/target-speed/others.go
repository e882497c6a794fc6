package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// fortio is the command line of fortio, which the script run builds.
func (s *echo) fortio(o options, rate float64, length time.Duration) []string {
	c := []string{
		filepath.Join(o.others, "fortio"), "-address", s.address, "-grpc-method", method, "-payload", payload, "-t", length.String(),
	}
	if rate == 0 {
		return append(c, "-c", strconv.Itoa(clients))
	}
	return append(c, "-c", "50", "-qps", fmt.Sprint(rate))
}

// k6 is the command line of k6. What it calls users have a connection each.
func (s *echo) k6(o options, rate float64, length time.Duration) []string {
	users := clients
	if rate > 0 {
		users = 50
	}
	c := []string{filepath.Join(o.others, "k6"), "run", "--quiet", "--no-usage-report", "--address", ""}
	for name, value := range map[string]any{
		"ADDRESS": s.address, "METHOD": method, "PAYLOAD": payload, "LENGTH": length.Milliseconds(), "RATE": rate, "USERS": users,
	} {
		c = append(c, "-e", fmt.Sprintf("%s=%v", name, value))
	}
	return append(c, "bench/target-speed/k6.js")
}

// The server of the row stalled stops for a quarter of the window. So a quarter of
// the calls that were to begin wait, an eighth of the window on average, and the
// mean of all is 62.5 ms. Whoever times calls from when they were sent, and sends
// none meanwhile, tells less.
const (
	stalledRate   = 600
	stalledLength = 2 * time.Second
	stall         = stalledLength / 4
	stalled       = "server stops"
)

// stopOnce makes the server stop once, a second after the next call.
func (s *echo) stopOnce() {
	var once sync.Once
	pause := func() {
		s.gate.Lock()
		time.Sleep(stall)
		s.gate.Unlock()
	}
	next := func() { once.Do(func() { time.AfterFunc(stalledLength/2, pause) }) }
	s.next.Store(&next)
}

// honesty measures what each generator says of a server that stops.
func honesty(ctx context.Context, s *echo, o options, t *pool) error {
	said, made := make(map[string]float64), make(map[string]float64)
	all := s.generators(o, stalledRate, stalledLength)
	delete(all, "hand") // it tells no percentiles
	names := slices.Collect(maps.Keys(all))
	rand.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	for _, name := range names {
		s.stopOnce()
		_, calls, text, err := run(ctx, all[name])
		if err != nil {
			return fmt.Errorf("%s at a server that stops: %w", name, err)
		}
		m := told.FindStringSubmatch(text)
		if m == nil {
			return fmt.Errorf("%s tells no mean: %.300s", name, text)
		}
		mean, err := time.ParseDuration(m[1] + m[2])
		if err != nil {
			return err
		}
		said[name], made[name] = mean.Seconds()*1e3, float64(calls)
	}
	s.next.Store(nil)
	if err := t.add(stalled+", mean that is told in ms: 62.5 is true", said); err != nil {
		return err
	}
	return t.add(stalled+", calls: 1200 were to be made", made)
}
