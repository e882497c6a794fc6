package echo_test

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"dyno/bench/process"
	"dyno/internal/cli"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/all/whole"
	"dyno/systems/echo"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) {
	whole.Link() // for what is called in this very process
	systemtest.Main(m, cli.Main)
}

func TestConforms(t *testing.T) {
	systemtest.Conform(t, echo.System, systemtest.Options{Funcs: template.FuncMap{"experiment": func(string) any { return nil }}})
}

// The borders of the knobs are cells that a sweep may ask for, and so is every
// driver, with a server that stalls and one that takes its time.
func TestTrials(t *testing.T) {
	t.Parallel()
	theory := []string{"theory_mean_ms", "theory_p90_ms", "theory_p95_ms", "theory_p99_ms"}
	open := []string{"service", "lag"}
	for name, c := range map[string]struct {
		values map[string]string
		more   []string // metrics beyond those that every trial has
	}{
		"one client, no payload": {map[string]string{"clients": "1", "payload": "0"}, nil},
		"many clients":           {map[string]string{"clients": "1000"}, nil},
		"large payloads":         {map[string]string{"clients": "2", "payload": "1048576"}, nil},
		"closed, stall":          {map[string]string{"stall": "100ms"}, theory},
		"open":                   {map[string]string{"driver": "open", "rate": "333.3"}, open},
		"open, stall":            {map[string]string{"driver": "open", "rate": "500", "stall": "100ms"}, slices.Concat(open, theory)},
		"open, M/M/1":            {map[string]string{"driver": "open", "rate": "250", "arrivals": "poisson", "service-time": "2ms"}, slices.Concat(open, theory)},
		"open, M/D/1":            {map[string]string{"driver": "open", "rate": "250", "arrivals": "poisson", "service-time": "2ms", "distribution": "const"}, append(open, "theory_mean_ms")},
		"open, D/M/1":            {map[string]string{"driver": "open", "rate": "250", "service-time": "2ms"}, open},
		"ghz":                    {map[string]string{"driver": "ghz", "rate": "200"}, nil},
		"ghz, stall":             {map[string]string{"driver": "ghz", "rate": "200", "stall": "100ms", "payload": "0"}, theory},
		"ghz-async, stall":       {map[string]string{"driver": "ghz-async", "rate": "200", "stall": "100ms", "payload": "1000"}, theory},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // mostly waits
			trial(t, c.values, c.more)
		})
	}
}

// A search with real processes finds the knee that theory has, roughly: the
// probes are short, and the machine is busy.
func TestSearchTrial(t *testing.T) {
	t.Parallel()
	v, err := echo.System.Resolve(map[string]string{"driver": "search", "arrivals": "poisson", "service-time": "5ms"})
	if err != nil {
		t.Fatal(err)
	}
	l := record.Load{Loop: "search", P99Below: 0.1, From: 70, To: 450, Precision: 0.5, Probes: 4}
	o := observe(t, systems.Setting{Seed: 3, Load: l, Warmup: 100 * time.Millisecond, Length: 1500 * time.Millisecond}, v)
	if !settled(t, &o) {
		return
	}
	for _, want := range []string{"knee_low_rps", "probes", "theory_knee_rps"} {
		if _, ok := o.Scalars[want]; !ok {
			t.Errorf("no %s in %v", want, o.Scalars)
		}
	}
	s := o.Scalars
	t.Logf("%v, flags %v", s, o.Flags)
	if s["probes"] < 3 || s["probes"] > 4 || math.Abs(s["theory_knee_rps"]-153.9) > 0.1 || s["knee_rps"] >= 200 {
		t.Errorf("%v", s)
	}
}

// always is what every trial observes.
var always = []string{
	"achieved_rps", "cpu_us_per_request", "generator_cores", "generator_us_per_request",
	"offered_rps", "response", "server_cores", "throughput_rps",
}

// trial measures one cell with real processes and wants it valid, with the
// metrics that it should have.
func trial(t *testing.T, values map[string]string, more []string) {
	t.Helper()
	v, err := echo.System.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	var o record.Observation
	// On a busy machine no call may begin in a short window: it is measured in longer ones.
	for length := 300 * time.Millisecond; o.Scalars["offered_rps"] == 0 && length < 20*time.Second; length *= 4 {
		o = observe(t, systems.Setting{Seed: 3, Load: record.Load{Loop: "swept"}, Warmup: 100 * time.Millisecond, Length: length}, v)
	}
	if !settled(t, &o) {
		return
	}
	seen := slices.Sorted(maps.Keys(o.Scalars))
	seen = append(seen, slices.Collect(maps.Keys(o.Histograms))...)
	slices.Sort(seen)
	if want := slices.Sorted(slices.Values(slices.Concat(always, more))); !slices.Equal(seen, want) {
		t.Errorf("observed %v, want %v", seen, want)
	}
	if s := o.Scalars; s["generator_cores"] <= 0 || s["generator_us_per_request"] <= 0 {
		t.Errorf("nothing comes for free: %v", s)
	}
	// A few requests may cost the server less than the kernel's tick.
	if s := o.Scalars; v.Text("driver") == "closed" && (s["server_cores"] <= 0 || s["cpu_us_per_request"] <= s["generator_us_per_request"]) {
		t.Errorf("nothing comes for free: %v", s)
	}
	if want := v.Float("rate") * 0.4; v.Text("driver") != "closed" && math.Abs(float64(o.Counts.Offered)-want) > 0.5*want {
		t.Errorf("%+v; want about %v offered", o.Counts, want)
	}
}

// settled says that a trial proved its answers; on a busy machine it may not.
func settled(t *testing.T, o *record.Observation) bool {
	t.Helper()
	if o.Verdict.Status == record.Undetermined {
		t.Logf("nothing was proved: %v", o.Verdict.Reasons())
	}
	return o.Verdict.Status == record.Valid
}

// observe runs a trial with real processes and wants no wrong answer.
func observe(t *testing.T, set systems.Setting, v systems.Values) record.Observation {
	t.Helper()
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: echo.System, Setting: set, Dir: t.ArtifactDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := echo.System.Trial(ctx, g, v)
	if err := errors.Join(err, g.Close()); err != nil {
		t.Fatal(err)
	}
	if err := o.Conform(echo.System.Metrics); err != nil || o.Verdict.Status == record.Invalid {
		t.Errorf("conforms: %v; verdict %s: %v", err, o.Verdict.Status, o.Verdict.Reasons())
	}
	return o
}

// A cell that would not measure what it says must not be measured.
func TestTrialRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		loop   string
		values map[string]string
	}{
		`load "open" with driver closed`:  {"open", nil},
		`load "closed" with driver open`:  {"closed", map[string]string{"driver": "open"}},
		`load "closed" with driver ghz`:   {"closed", map[string]string{"driver": "ghz"}},
		`load "swept" with driver search`: {"swept", map[string]string{"driver": "search"}},
		`load "search" with driver open`:  {"search", map[string]string{"driver": "open"}},
		"a search with a stall":           {"search", map[string]string{"driver": "search", "stall": "1ms"}},
		`there is no load "half"`:         {"half", nil},
		"does not end in a window of 1s":  {"closed", map[string]string{"stall": "700ms"}},
		"ghz knows whole rates only":      {"swept", map[string]string{"driver": "ghz", "rate": "0.5"}},
	} {
		v, err := echo.System.Resolve(c.values)
		if err != nil {
			t.Fatal(err)
		}
		set := systems.Setting{Load: record.Load{Loop: c.loop}, Length: time.Second}
		ctx, g, err := process.NewGroup(t.Context(), process.Options{System: echo.System, Setting: set, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := echo.System.Trial(ctx, g, v); err == nil || !strings.Contains(err.Error(), want) || len(g.Processes()) > 0 {
			t.Errorf("error %v, %d processes started; want %q", err, len(g.Processes()), want)
		}
	}
}

// A link that delays both ways is what every call goes through, and one that is
// not there is a usage error before anything is measured.
func TestLinks(t *testing.T) {
	const ms = time.Millisecond
	set := systems.Setting{Seed: 1, Load: record.Load{Loop: "closed"}, Length: 300 * ms}
	v, err := echo.System.Resolve(map[string]string{"clients": "2", "links": "delay client<->server=15ms@0s"})
	if err != nil {
		t.Fatal(err)
	}
	o := observe(t, set, v)
	if fastest := o.Histograms["response"].Min(); settled(t, &o) && fastest < 29*ms { // histograms round
		t.Errorf("the fastest of %d calls took %v through a link that delays 15ms each way", o.Counts.OK, fastest)
	}
	v["links"] = "cut nobody->server@0s"
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: echo.System, Setting: set, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := echo.System.Trial(ctx, g, v); !systems.IsUsage(err) || !strings.Contains(err.Error(), "client->server") {
		t.Errorf("a link that is misspelt: %v", err)
	}
}

// Queues that are long remember long.
func TestTimeConstant(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		want   time.Duration
	}{
		{map[string]string{"driver": "open", "rate": "1000"}, 0},
		{map[string]string{"clients": "100"}, 0},
		{map[string]string{"service-time": "10ms", "clients": "8"}, 80 * time.Millisecond},
		{map[string]string{"driver": "open", "rate": "25", "service-time": "10ms"}, 40 * time.Millisecond}, // ρ = 1/4
		{map[string]string{"driver": "open", "rate": "64", "service-time": "10ms"}, 250 * time.Millisecond},
		{map[string]string{"driver": "open", "rate": "100", "service-time": "10ms"}, 0}, // for ever
	} {
		v, err := echo.System.Resolve(c.values)
		if err != nil {
			t.Fatal(err)
		}
		if got := echo.System.TimeConstant(v).Round(time.Microsecond); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}
