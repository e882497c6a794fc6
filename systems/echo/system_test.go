package echo_test

import (
	"errors"
	"testing"
	"text/template"
	"time"

	"dyno/bench/process"
	"dyno/internal/cli"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/echo"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, cli.Main) }

func TestConforms(t *testing.T) {
	systemtest.Conform(t, echo.System, systemtest.Options{Funcs: template.FuncMap{}})
}

// The borders of the knobs are cells that a sweep may ask for.
func TestTrialAtTheBorders(t *testing.T) {
	for name, values := range map[string]map[string]string{
		"one client, no payload": {"clients": "1", "payload": "0"},
		"many clients":           {"clients": "1000"},
		"large payloads":         {"clients": "2", "payload": "1048576"},
	} {
		t.Run(name, func(t *testing.T) { trial(t, values) })
	}
}

// trial measures one cell with real processes and wants it valid, with every
// metric that the system declares.
func trial(t *testing.T, values map[string]string) {
	t.Helper()
	v, err := echo.System.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Seed: 3, Load: record.Load{Loop: "closed"}, Warmup: 100 * time.Millisecond, Length: 300 * time.Millisecond}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: echo.System, Setting: set, Dir: t.ArtifactDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := echo.System.Trial(ctx, g, v)
	if err := errors.Join(err, g.Close()); err != nil {
		t.Fatal(err)
	}
	if err := o.Conform(echo.System.Metrics); err != nil || o.Verdict.Status != record.Valid {
		t.Errorf("conforms: %v; verdict %s: %v", err, o.Verdict.Status, o.Verdict.Reasons())
	}
	if seen := len(o.Scalars) + len(o.Histograms); seen != len(echo.System.Metrics) {
		t.Errorf("%d of %d metrics were observed: %v", seen, len(echo.System.Metrics), o.Scalars)
	}
	if s := o.Scalars; s["server_cores"] <= 0 || s["generator_cores"] <= 0 || s["cpu_us_per_request"] <= 0 {
		t.Errorf("nothing comes for free: %v", s)
	}
}

// An unknown load model must not pass for a closed loop.
func TestTrialRefusesAnotherLoad(t *testing.T) {
	v, err := echo.System.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Load: record.Load{Loop: "open"}, Length: time.Second}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: echo.System, Setting: set, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := echo.System.Trial(ctx, g, v); err == nil || len(g.Processes()) > 0 {
		t.Errorf("error %v, %d processes started", err, len(g.Processes()))
	}
}
