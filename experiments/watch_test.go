package experiments

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"dyno/bench/load"
)

func TestUsage(t *testing.T) {
	before := map[string]time.Duration{"s1": time.Second}
	after := map[string]time.Duration{"s2": 125 * time.Millisecond, "s1": 1250 * time.Millisecond}
	if got := usage(before, after, 500*time.Millisecond); !slices.Equal(got, []Usage{{"s1", 0.5}, {"s2", 0.25}}) {
		t.Errorf("%+v", got)
	}
	// On other machines nothing is known, and the page reads a list.
	if text, err := json.Marshal(usage(nil, nil, 0)); string(text) != "[]" || err != nil {
		t.Errorf("of nobody: %s, %v", text, err)
	}
}

// What several generators tell is one sample, and told once.
func TestLookoutSums(t *testing.T) {
	l := &lookout{told: map[int]load.Live{
		1: {PID: 1, Seconds: 0.5, OK: 10, Other: 1, P50: 2, P99: 9, Worst: 10},
		2: {PID: 2, Seconds: 0.4, OK: 30, P50: 3, P99: 8, Worst: 12},
	}}
	if got := l.sum(); got == nil || *got != (load.Live{Seconds: 0.5, OK: 40, Other: 1, P50: 3, P99: 9, Worst: 12}) {
		t.Errorf("%+v", got)
	}
	if got := l.sum(); got != nil {
		t.Errorf("told again: %+v", got)
	}
}

// A trial that never began leaves neither a socket nor a folder behind.
func TestLookoutIsClosed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	l := (&Runner{Live: true, Watch: func(Sample) {}}).newLookout()
	if l.from == nil {
		t.Skip("nowhere to listen: the path of the temporary folder is too long")
	}
	l.close()
	_ = l.from.SetReadDeadline(time.Now())
	if _, _, err := l.from.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it still listens: %v", err)
	}
	if _, err := os.Stat(l.dir); err == nil {
		t.Error("its folder is still there")
	}
}
