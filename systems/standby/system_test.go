package standby_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"text/template"
	"time"

	"dyno/internal/record"
	"dyno/internal/role"
	"dyno/systems"
	"dyno/systems/standby"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(standby.System)) }

func TestConforms(t *testing.T) {
	systemtest.Conform(t, standby.System, systemtest.Options{
		Values: map[string]string{"lease": "300ms", "lookups": "0.2", "clients": "4"},
		RoleArgs: func(_ context.Context, role string, b systems.Bench) ([]string, error) {
			dir, err := b.Dir(role)
			if role != "server" || err != nil {
				return []string{"--dir", filepath.Join(dir, "state")}, err
			}
			hosts, accounts := filepath.Join(dir, "hosts"), filepath.Join(dir, "accounts")
			if err := os.WriteFile(accounts, []byte("1, 100\n"), 0o666); err != nil {
				return nil, err
			}
			text, err := json.Marshal(map[string]string{"s1": "127.0.0.1:1", "s2": "127.0.0.1:2"})
			if err != nil {
				return nil, err
			}
			return []string{"--name", "s1", "--config", hosts, "--accounts", accounts, "--alone"}, os.WriteFile(hosts, text, 0o666)
		},
		Funcs: template.FuncMap{"experiment": func(string) any { return nil }},
	})
}

// trial runs one with real processes; a busy machine may leave it unproved.
func trial(t *testing.T, length time.Duration, values map[string]string) record.Observation {
	t.Helper()
	set := systems.Setting{Warmup: 100 * time.Millisecond, Length: length}
	o := systemtest.Try(t, standby.System, set, values)
	for again := 1; again < 3 && o.Verdict.Status == record.Undetermined; again++ {
		o = systemtest.Try(t, standby.System, set, values)
	}
	if o.Verdict.Status != record.Valid {
		t.Fatalf("%s: %v", o.Verdict.Status, o.Verdict.Reasons())
	}
	return o
}

// What is killed, stopped and cut off loses nothing, and acknowledges nothing
// that it may not: 32 clients, each on an account of its own.
func TestTrials(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]string
		check  func(o record.Observation) string
	}{
		"kill":          {map[string]string{"strike": "kill", "strikes": "2", "lease": "300ms", "lookups": "0.2"}, struck},
		"pause":         {map[string]string{"strike": "pause", "strikes": "2", "lease": "300ms"}, struck},
		"async, kill":   {map[string]string{"strike": "kill", "strikes": "2", "lease": "300ms", "replicate": "async"}, nothing},
		"cut":           {map[string]string{"faults": "cut s1-s2@300ms..1.2s", "lease": "300ms", "lookups": "0.2"}, nothing},
		"cut off":       {map[string]string{"faults": "cut s1-s2,witness@300ms..1.2s", "lease": "300ms", "lookups": "0.2"}, nothing},
		"no witness":    {map[string]string{"faults": "kill witness@300ms..900ms", "lease": "300ms"}, nothing},
		"memory":        {map[string]string{"storage": "memory", "lookups": "0.2"}, nothing},
		"one by one":    {map[string]string{"ship": "rpc", "client-api": "stream"}, nothing},
		"5000 accounts": {map[string]string{"accounts": "5000", "faults": "kill s1@300ms..500ms", "lease": "300ms"}, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			length := 300 * time.Millisecond
			if c.values["faults"] != "" {
				length = 1500 * time.Millisecond
			}
			if problem := c.check(trial(t, length, c.values)); problem != "" {
				t.Error(problem)
			}
		})
	}
}

func nothing(o record.Observation) string {
	if o.Counts.OK == 0 {
		return "nothing was done"
	}
	return ""
}

func struck(o record.Observation) string {
	switch {
	case o.Scalars["lost"] != 0:
		return "acknowledged writes are lost"
	case o.Scalars["old_acked"] != 0:
		return "an old primary acknowledges"
	case o.Scalars["struck"] == 0:
		return "no strike met the primary"
	}
	return nothing(o)
}
