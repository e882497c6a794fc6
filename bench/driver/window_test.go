package driver

import (
	"testing"
	"time"

	"dyno/systems"
)

// Who sends at a rate needs a window that holds a request; who waits for
// answers, or tries rates of its own, does not.
func TestWindow(t *testing.T) {
	for _, kind := range All {
		paced := kind == Open || IsGHZ(kind)
		if err := window(kind, 0.1, 3*time.Second); (err != nil) != paced {
			t.Errorf("%s at 0.1 req/s for 3 s: %v", kind, err)
		}
		if err := window(kind, 0.1, 10*time.Second); err != nil {
			t.Errorf("%s at 0.1 req/s for 10 s: %v", kind, err)
		}
	}
}

func TestHandCommandsRefuseAnEmptyWindow(t *testing.T) {
	f := &Flags{Warmup: 10 * time.Second, Length: 300 * time.Millisecond}
	if _, err := f.Loop(Open, Model{Rate: 2, Arrivals: "constant"}); !systems.IsUsage(err) {
		t.Errorf("open loop: %v", err)
	}
	if err := (Witness{Flags: f, Rate: 2}).Check(); !systems.IsUsage(err) {
		t.Errorf("ghz: %v", err)
	}
	f.Length = 500 * time.Millisecond
	if _, err := f.Loop(Open, Model{Rate: 2, Arrivals: "constant"}); err != nil {
		t.Errorf("open loop: %v", err)
	}
	if err := (Witness{Flags: f, Rate: 2}).Check(); err != nil {
		t.Errorf("ghz: %v", err)
	}
}
