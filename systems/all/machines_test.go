package all_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/all"
)

// far is a bench whose roles are on other machines.
type far struct {
	systems.Bench
	dir string
}

func (far) Setting() systems.Setting {
	return systems.Setting{Seed: 1, Length: time.Second, Load: record.Load{Loop: "closed"}}
}
func (far) Logf(string, ...any)                           {}
func (f far) Dir(string) (string, error)                  { return f.dir, nil }
func (far) Publish(context.Context, ...string) error      { return nil }
func (far) Fetch(context.Context, ...string) error        { return nil }
func (far) Ahead(string) (ahead, uncertain time.Duration) { return 0, 0 }

var _ systems.Publisher = far{} // as which it is known

func (far) Start(_ context.Context, l systems.Launch) (systems.Process, error) {
	return nil, errors.New("started " + l.Name)
}

// What can only be done on one machine is refused on several before anything starts.
func TestOneMachine(t *testing.T) {
	b := far{dir: t.TempDir()}
	refused := map[string]error{}
	for name, knobs := range map[string]map[string]string{
		"mapreduce": nil, "target": {"address": "localhost:7"},
	} {
		v, _ := resolve(t, name, knobs)
		for _, s := range all.Systems {
			if s.Name == name {
				_, refused[name] = s.Trial(t.Context(), b, v)
			}
		}
	}
	_, refused["servers of others"] = rival.Open(b)
	for what, err := range refused {
		if !systems.IsUsage(err) || !strings.Contains(err.Error(), "leave out --hosts") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
