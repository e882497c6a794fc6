package live_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue/live"
)

func TestStation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		s := live.New(3, load.NewCoarseAlarm())
		var left []time.Duration
		for _, at := range []time.Duration{10 * ms, 10 * ms, 25 * ms} {
			if s.Full() {
				t.Fatal("full with fewer than its room")
			}
			s.Enter(at, func() { left = append(left, s.Now()) })
		}
		if !s.Full() {
			t.Error("not full with as many as its room")
		}
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run() }()
		time.Sleep(20 * ms)
		synctest.Wait()
		if want := []time.Duration{10 * ms, 10 * ms}; !slices.Equal(left, want) {
			t.Errorf("left at %v by 20ms, want %v", left, want)
		}
		s.Close()
		s.Close()
		<-ended
		if len(left) != 2 {
			t.Errorf("what was in the closed station left it: %v", left)
		}
	})
}
