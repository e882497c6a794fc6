package load_test

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// What is told while a run lasts adds up to what the run counts, and lies within
// what it measures; without a listener the run is as it is.
func TestLiveAddsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live")
	from, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	_ = from.SetReadDeadline(time.Now().Add(time.Minute)) // what was lost does not come
	for _, socket := range []string{path, filepath.Join(t.TempDir(), "nobody")} {
		t.Setenv(load.LiveVar, socket)
		told := 0
		res, err := load.Closed{Clients: 20, Requests: 5000, Each: func(record.Span) {}}.Run(t.Context(), func(_ context.Context, client int) (int32, record.Outcome) {
			if client == 3 {
				return 0, record.Refused
			}
			return 0, record.OK
		})
		if err != nil || res.Counts.Sent != 5000 {
			t.Fatalf("%d sent, %v", res.Counts.Sent, err)
		}
		for buf := make([]byte, 1<<16); socket == path && told < 5000; { // the last is sent before the run ends
			n, _, err := from.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			var l load.Live
			if err := json.Unmarshal(buf[:n], &l); err != nil {
				t.Fatal(err)
			}
			told += int(l.OK + l.Other)
			if l.OK > 0 && (l.Latency.Count() != l.OK || l.Seconds <= 0) {
				t.Errorf("told %+v", l)
			}
		}
		if socket == path && told != 5000 {
			t.Errorf("%d operations were told", told)
		}
	}
}

// A window is told of while it lasts, however short; a long one as often as any.
func TestLiveIn(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		0: load.LiveEvery, ms: 50 * ms, 300 * ms: 75 * ms, time.Second: 250 * ms, time.Hour: load.LiveEvery,
	} {
		if got := load.LiveIn(length); got != want {
			t.Errorf("a window of %v is told of every %v, want %v", length, got, want)
		}
	}
}
