package all_test

import (
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/all"
)

// Before anything is started the systems that send at a rate refuse a window
// that may hold no request, and loads that do not go together.
func TestSystemsRefuseWhatMeasuresNothing(t *testing.T) {
	for _, c := range []struct {
		system, loop string
		length       time.Duration
		knobs        map[string]string
		fine         bool
	}{
		{"target", "open", 3 * time.Second, map[string]string{"driver": "open", "rate": "0.1"}, false},
		{"target", "open", 10 * time.Second, map[string]string{"driver": "open", "rate": "0.1"}, true},
		{"target", "swept", 500 * time.Millisecond, map[string]string{"driver": "ghz", "rate": "1"}, false},
		{"target", "swept", 500 * time.Millisecond, map[string]string{"driver": "ghz-async", "rate": "2"}, true},
		{"target", "swept", 5 * time.Second, map[string]string{"driver": "ghz", "rate": "1.5"}, false},
		{"target", "closed", time.Millisecond, map[string]string{"rate": "0.1"}, true},
		{"target", "closed", time.Second, map[string]string{"driver": "open"}, false},
		{"echo", "open", 3 * time.Second, map[string]string{"driver": "open", "rate": "0.1"}, false},
		{"echo", "open", 3 * time.Second, map[string]string{"driver": "open", "rate": "0.4"}, true},
		{"echo", "closed", time.Millisecond, map[string]string{"rate": "0.1"}, true},
		{"echo", "search", time.Millisecond, map[string]string{"driver": "search", "rate": "0.1"}, true},
		{"lookaside", "open", 3 * time.Second, map[string]string{"rate": "0.1"}, false},
		{"lookaside", "open", 3 * time.Second, map[string]string{"rate": "0.5"}, true},
		{"lookaside", "open", time.Second, map[string]string{"offered-load": "0.5", "servers": "1", "service-time": "2s"}, false},
		{"lookaside", "open", time.Second, map[string]string{"offered-load": "0.5", "servers": "4", "service-time": "2s"}, true},
		{"lookaside", "open", time.Millisecond, map[string]string{"offered-load": "0.5", "world": "simulator"}, true},
		{"lookaside", "closed", time.Millisecond, nil, true},
		{"lookaside", "open", time.Second, nil, false},
	} {
		v, check := resolve(t, c.system, c.knobs)
		err := check(systems.Setting{Load: record.Load{Loop: c.loop}, Length: c.length}, v)
		if (err == nil) != c.fine {
			t.Errorf("%s, load %s, %v for %v: %v", c.system, c.loop, c.knobs, c.length, err)
		}
	}
}

func resolve(t *testing.T, name string, knobs map[string]string) (systems.Values, func(systems.Setting, systems.Values) error) {
	t.Helper()
	for _, s := range all.Systems {
		if s.Name == name {
			v, err := s.Resolve(knobs)
			if err != nil {
				t.Fatal(err)
			}
			return v, s.Check
		}
	}
	t.Fatal("no system", name)
	return nil, nil
}
