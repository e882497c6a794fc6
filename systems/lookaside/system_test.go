package lookaside_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/bench/process"
	"dyno/internal/cli"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/directory/registry"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) {
	directory.Registry = registry.Serve
	systemtest.Main(m, cli.Main)
}

func TestConforms(t *testing.T) {
	systemtest.Conform(t, lookaside.System, systemtest.Options{
		RoleArgs: func(ctx context.Context, role string, b systems.Bench) ([]string, error) {
			if role == "registry" {
				return nil, nil
			}
			registry, err := b.Start(ctx, systems.Launch{Role: "registry", Name: "registry"})
			if err != nil {
				return nil, err
			}
			args := []string{"--discovery", "etcd://" + registry.Addr()}
			if role == "server" {
				args = append(args, "--id", "s1")
			}
			return args, nil
		},
		// Long service times: a busy machine is late by milliseconds, and a trial
		// whose requests leave too late is not valid.
		Values: map[string]string{"servers": "3", "clients": "6", "service-time": "100ms", "distribution": "const"},
	})
}

// bench is a bench of real processes.
func bench(t *testing.T, set systems.Setting) systems.Bench {
	t.Helper()
	_, g, err := process.NewGroup(t.Context(), process.Options{System: lookaside.System, Setting: set, Dir: t.TempDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g
}

func TestTrial(t *testing.T) {
	for _, policy := range []string{"pick_first", "round_robin", "least_load", "weighted_round_robin", "prequal"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel() // mostly waiting
			v, err := lookaside.System.Resolve(map[string]string{
				"policy": policy, "servers": "3", "clients": "12", "service-time": "8ms", "capacity": "1,0.5",
			})
			if err != nil {
				t.Fatal(err)
			}
			b := bench(t, systems.Setting{
				Seed: 3, Load: record.Load{Loop: "closed"}, Warmup: 200 * time.Millisecond,
				Length: 800 * time.Millisecond,
			})
			o, err := lookaside.System.Trial(t.Context(), b, v)
			if err != nil {
				t.Fatal(err)
			}
			checkObservation(t, &o)
			if got := o.Vectors["requests"]; policy == "pick_first" && got.Values[1]+got.Values[2] != 0 {
				t.Errorf("pick_first: requests %v", got)
			}
		})
	}
}

// checkObservation holds a trial of 3 servers and 12 clients against what does
// not depend on the machine's speed.
func checkObservation(t *testing.T, o *record.Observation) {
	t.Helper()
	if err := o.Conform(lookaside.System.Metrics); err != nil {
		t.Error(err)
	}
	for _, c := range o.Verdict.Checks {
		// A machine with other things to do may be late, which is no wrong answer.
		if c.Status == record.Invalid || c.Status == record.Undetermined && c.Name != "service-time-model" {
			t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
		}
	}
	if c := o.Counts; c.OK == 0 || c.OK != c.Sent {
		t.Errorf("counts %+v", c)
	}
	for _, m := range lookaside.System.Metrics {
		ofSearch := func(s record.Metric) bool { return s.Name == m.Name }
		if slices.Contains([]string{"offered_rps", "achieved_rps", "lag", "recovery_ms", "simulated_rps", "simulated_knee_rps"}, m.Name) ||
			strings.HasPrefix(m.Name, "theory_") || slices.ContainsFunc(load.SearchMetrics, ofSearch) {
			continue // of an open loop, of a fault, of the simulator, of a search, or of policies with a theory
		}
		_, scalar := o.Scalars[m.Name]
		_, vector := o.Vectors[m.Name]
		_, histogram := o.Histograms[m.Name]
		if !scalar && !vector && !histogram {
			t.Errorf("metric %s is not observed", m.Name)
		}
	}
	if labels := o.Vectors["utilization"].Labels; !slices.Equal(labels, []string{"s1", "s2", "s3"}) {
		t.Errorf("servers %v", labels)
	}
	if in := o.Scalars["in_flight"]; in <= 0 || in > 12 {
		t.Errorf("%v requests in flight, of 12 clients", in)
	}
}

// An open loop offers what its rate says, and no less because servers are slow.
func TestOpenTrial(t *testing.T) {
	t.Parallel() // mostly waiting
	v, err := lookaside.System.Resolve(map[string]string{
		"policy": "round_robin", "servers": "3", "service-time": "8ms", "capacity": "1,0.5", "offered-load": "0.32",
	})
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Seed: 3, Load: record.Load{Loop: "open"}, Warmup: 200 * time.Millisecond, Length: 800 * time.Millisecond}
	o, err := lookaside.System.Trial(t.Context(), bench(t, set), v)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Conform(lookaside.System.Metrics); err != nil {
		t.Error(err)
	}
	for _, c := range o.Verdict.Checks {
		if c.Status == record.Invalid || c.Status == record.Undetermined && c.Name != "service-time-model" {
			t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
		}
	}
	// 100 per second for a second; six standard deviations on either side.
	if c := o.Counts; c.Offered < 40 || c.Offered > 160 || c.OK != c.Offered {
		t.Errorf("counts %+v", c)
	}
	if o.Histograms["lag"] == nil || o.Scalars["offered_rps"] == 0 {
		t.Errorf("scalars %v, no lag: %v", o.Scalars, o.Histograms["lag"] == nil)
	}
}

// A search tells the rate that it found, and its books add up over all probes.
func TestSearchTrial(t *testing.T) {
	t.Parallel() // mostly waiting
	v, err := lookaside.System.Resolve(map[string]string{"policy": "round_robin", "servers": "3", "service-time": "8ms"})
	if err != nil {
		t.Fatal(err)
	}
	goal := record.Load{Loop: "search", P99Below: 0.4, From: 100, To: 800, Precision: 1, Probes: 2}
	o, err := lookaside.System.Trial(t.Context(), bench(t, systems.Setting{Seed: 3, Load: goal, Length: time.Second}), v)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Conform(lookaside.System.Metrics); err != nil {
		t.Error(err)
	}
	for _, c := range o.Verdict.Checks {
		if c.Status == record.Invalid || c.Status == record.Undetermined && c.Name != "service-time-model" {
			t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
		}
	}
	if s := o.Scalars; s["probes"] == 0 || s["theory_knee_rps"] == 0 || s["simulated_knee_rps"] == 0 || o.Counts.OK == 0 ||
		o.Vectors["requests"].Values != nil {
		t.Errorf("scalars %v, counts %+v, vectors %v", s, o.Counts, o.Vectors)
	}
}

// A trial whose first server fails says how much its clients noticed.
func TestTrialWithAFault(t *testing.T) {
	t.Parallel() // mostly waiting
	v, err := lookaside.System.Resolve(map[string]string{
		"policy": "round_robin", "servers": "3", "clients": "6", "service-time": "8ms", "fault": "fail", "retries": "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := lookaside.System.Trial(t.Context(), bench(t, systems.Setting{
		Seed: 3, Load: record.Load{Loop: "closed"},
		Length: 800 * time.Millisecond,
	}), v)
	if err != nil {
		t.Fatal(err)
	}
	errs := o.Scalars["client_errors"]
	if errs == 0 || errs != float64(o.Counts.Sent-o.Counts.OK) || o.Counts.Refused != int64(errs) || o.Scalars["broken_attempts"] != errs ||
		o.Scalars["availability"] >= 1 || o.Scalars["recovery_ms"] <= 0 {
		t.Errorf("%+v, %v", o.Counts, o.Scalars)
	}
	for _, c := range o.Verdict.Checks {
		if c.Status == record.Invalid {
			t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
		}
	}
}

func TestLoadMustBeWhatItIsCalled(t *testing.T) {
	for name, c := range map[string]struct{ loop, rate, share string }{
		"open without a rate": {"open", "0", "0"},
		"closed with a rate":  {"closed", "10", "0"},
		"rate and share":      {"open", "10", "0.5"},
		"no such load":        {"burst", "0", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := lookaside.System.Resolve(map[string]string{"rate": c.rate, "offered-load": c.share})
			if err != nil {
				t.Fatal(err)
			}
			b := bench(t, systems.Setting{Load: record.Load{Loop: c.loop}, Length: time.Second})
			if _, err := lookaside.System.Trial(t.Context(), b, v); err == nil {
				t.Error("the trial ran")
			}
		})
	}
}

// summary is what a script reads from the demo.
type Summary struct {
	Policy  string `json:"policy"`
	Clients int    `json:"clients"`
	Sent    int64  `json:"sent"`
	OK      int64  `json:"ok"`
	Refused int64  `json:"refused"`
	Failed  int64  `json:"failed"`
	Unknown int64  `json:"unknown"`
	Servers []struct {
		ID          string  `json:"id"`
		Capacity    float64 `json:"capacity"`
		Requests    int64   `json:"requests"`
		Busy        float64 `json:"busy_s"`
		MaxInFlight int64   `json:"max_in_flight"`
	} `json:"servers"`
}

func dyno(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Main(t.Context(), append([]string{"lookaside"}, args...), strings.NewReader(""), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

// demo runs the demo with --json; it must succeed.
func demo(t *testing.T, args ...string) Summary {
	t.Helper()
	out, errs, code := dyno(t, append([]string{"demo", "--json", "--service-time", "8ms"}, args...)...)
	t.Logf("stderr:\n%s", errs)
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	var s Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if strings.Count(out, "\n") != 1 {
		t.Errorf("standard output holds more than the JSON:\n%s", out)
	}
	return s
}

func TestDemoCountsExactly(t *testing.T) {
	s := demo(t, "--policy", "round_robin", "--servers", "3", "--clients", "5", "--requests", "100", "--capacity", "1,0.5")
	if s.Policy != "round_robin" || s.Clients != 5 || s.Sent != 100 || s.OK != 100 {
		t.Errorf("summary %+v", s)
	}
	var sum int64
	for i, srv := range s.Servers {
		sum += srv.Requests
		if srv.ID != fmt.Sprintf("s%d", i+1) || srv.Requests < 33 || srv.Requests > 34 || srv.Busy <= 0 || srv.MaxInFlight < 1 {
			t.Errorf("server %+v", srv)
		}
	}
	if len(s.Servers) != 3 || sum != 100 || s.Servers[1].Capacity != 0.5 || s.Servers[2].Capacity != 1 {
		t.Errorf("servers %+v", s.Servers)
	}
}

// Real work is done, and takes processor time.
func TestDemoBurnsCPU(t *testing.T) {
	s := demo(t, "--policy", "least_load", "--servers", "2", "--clients", "3", "--requests", "60", "--service-time", "0s", "--cpu", "2ms")
	var busy float64
	for _, srv := range s.Servers {
		busy += srv.Busy
	}
	if s.OK != 60 || busy < 60*0.0005 {
		t.Errorf("%d answers in %.3f s of work, want 60 of about 2 ms", s.OK, busy)
	}
}

// Clients notice nothing of a server or a balancer that goes.
func TestDemoSurvivesFaults(t *testing.T) {
	for name, args := range map[string][]string{
		"kill":       {"--policy", "round_robin", "--kill", "s2@300ms"},
		"kill first": {"--policy", "pick_first", "--kill", "s1@300ms"},
		"pause":      {"--policy", "least_load", "--pause", "s2@300ms"},
		"drain":      {"--policy", "least_load", "--drain", "s1@300ms"},
		"restart":    {"--policy", "round_robin", "--restart-lb", "300ms"},
		"hang":       {"--policy", "least_load", "--hang", "s1@300ms", "--attempt", "200ms"},
		"fail":       {"--policy", "least_load", "--fail", "s1@300ms"},
		"list kill":  {"--mode", "list", "--kill", "s2@300ms"},
		"list hang":  {"--mode", "list", "--hang", "s2@300ms", "--attempt", "200ms"},
		"list drain": {"--mode", "list", "--choose", "power_of_two", "--drain", "s2@300ms"},
		"list pause": {"--mode", "list", "--pause", "s2@300ms", "--attempt", "200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // mostly waiting
			s := demo(t, append(args, "--servers", "3", "--clients", "6", "--duration", "1s")...)
			if s.OK != s.Sent || s.OK == 0 {
				t.Errorf("sent %d: ok %d, refused %d, failed %d, unknown %d", s.Sent, s.OK, s.Refused, s.Failed, s.Unknown)
			}
		})
	}
}

func TestDemoForPeople(t *testing.T) {
	out, errs, code := dyno(t, "demo", "--servers", "2", "--clients", "4", "--duration", "1200ms", "--policy", "least_load")
	if code != 0 || !strings.Contains(out, "policy least_load, 4 clients") || !strings.Contains(out, "s2 ") ||
		!strings.Contains(out, "checks: ") {
		t.Errorf("exit code %d, output:\n%s", code, out)
	}
	if !strings.Contains(errs, "picks(in flight): s1 ") {
		t.Errorf("no live table:\n%s", errs)
	}
}

func TestMistakesAreUsageErrors(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown server":         {"demo", "--servers", "2", "--kill", "s5@1s"},
		"fault after the end":    {"demo", "--duration", "1s", "--restart-lb", "2s"},
		"requests and duration":  {"demo", "--requests", "5", "--duration", "1s"},
		"requests and a rate":    {"demo", "--requests", "5", "--rate", "10"},
		"a negative rate":        {"client", "--rate", "-1"},
		"too many capacities":    {"demo", "--servers", "1", "--capacity", "1,1"},
		"server without a name":  {"server"},
		"server with a slash":    {"server", "--id", "a/b"},
		"no such discovery":      {"lb", "--discovery", "zookeeper://x:1"},
		"no clients":             {"client", "--clients", "0"},
		"requests and a length":  {"client", "--requests", "1", "--length", "1s"},
		"registry without port":  {"registry", "--listen", "localhost"},
		"capacity of no meaning": {"server", "--id", "s1", "--capacity", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := dyno(t, args...)
			if code != 2 || out != "" || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit code %d, output %q, errors %q", code, out, errs)
			}
		})
	}
}
