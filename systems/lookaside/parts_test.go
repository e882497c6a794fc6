package lookaside

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
)

func TestParseDiscovery(t *testing.T) {
	got, err := parseDiscovery("etcd://a:1,b:2")
	if err != nil || !slices.Equal(got, []string{"a:1", "b:2"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "a:1", "dns://a", "etcd://", "etcd://a", "etcd://a:1,", "etcd://:1", "etcd://a:"} {
		if _, err := parseDiscovery(text); !systems.IsUsage(err) || !strings.Contains(err.Error(), "HOST:PORT") {
			t.Errorf("%q: error %v", text, err)
		}
	}
	if _, err := openDirectory("etcd://a:1", "a/b", nil); !systems.IsUsage(err) {
		t.Errorf("a service with a slash: error %v", err)
	}
}

func TestMixSeparates(t *testing.T) {
	seen := make(map[uint64]bool)
	for client := range uint64(100) {
		for n := range uint64(100) {
			seen[mix(1, streamRequest, client, n)] = true
		}
	}
	if len(seen) != 100*100 {
		t.Errorf("%d seeds of %d differ", len(seen), 100*100)
	}
	// Reference values of splitmix64 with state 0 (Vigna's splitmix64.c).
	if got := splitmix64(0); got != 0xe220a8397b1dcdaf {
		t.Errorf("splitmix64(0) = %#x", got)
	}
}

func TestJain(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{{[]float64{3, 3, 3}, 1}, {[]float64{5, 0, 0, 0}, 0.25}, {[]float64{1, 2, 3}, 36.0 / 42}, {[]float64{0, 0}, 0}, {nil, 0}} {
		if got := jain(c.xs); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("jain(%v) = %v, want %v", c.xs, got, c.want)
		}
	}
}

func values(t *testing.T, given map[string]string) systems.Values {
	t.Helper()
	v, err := System.Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConfig(t *testing.T) {
	c, err := newConfig(values(t, map[string]string{"servers": "3", "capacity": "1,0.2"}), 1)
	if err != nil || !slices.Equal(c.capacities, []float64{1, 0.2, 1}) {
		t.Errorf("capacities %v, %v", c.capacities, err)
	}
	if _, err := newConfig(values(t, map[string]string{"servers": "1", "capacity": "1,0.2"}), 1); !systems.IsUsage(err) {
		t.Errorf("more capacities than servers: error %v", err)
	}
}

func TestTimeConstantAndAsymptote(t *testing.T) {
	for _, c := range []struct {
		given map[string]string
		tau   time.Duration
		rps   float64 // 0: nothing is said
	}{
		{map[string]string{"policy": "pick_first"}, 2 * time.Second, 50},
		{map[string]string{"policy": "round_robin"}, 2 * time.Second / 12, 600},
		{map[string]string{"policy": "least_load"}, 2 * time.Second / 12, 600},
		{map[string]string{"policy": "least_load", "clients": "47"}, 20 * time.Millisecond * 47 / 12, 0},
		{map[string]string{"policy": "pick_first", "clients": "1", "capacity": "0.5"}, 40 * time.Millisecond, 25},
		{map[string]string{"policy": "round_robin", "servers": "2", "capacity": "1,0.2"}, 2 * time.Second * 10 / 12, 20},
		{map[string]string{"policy": "least_load", "servers": "2", "capacity": "1,0.2"}, 2 * time.Second * 10 / 12, 60},
		{map[string]string{"policy": "least_load", "service-time": "0s"}, 0, 0},
		{map[string]string{"mode": "grpc", "choose": "least_request", "service-time": "0s"}, 0, 0},
		// Three of these are the warm-up: weights have counted for long by then.
		{map[string]string{"mode": "grpc", "choose": "weighted_round_robin", "service-time": "0s"}, 200 * time.Millisecond, 0},
	} {
		v := values(t, c.given)
		if got := timeConstant(v); (got - c.tau).Abs() > time.Microsecond {
			t.Errorf("%v: time constant %v, want %v", c.given, got, c.tau)
		}
		cfg, err := newConfig(v, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := cfg.asymptote()
		if ok != (c.rps > 0) || math.Abs(got-c.rps) > 1e-9 {
			t.Errorf("%v: asymptote %v, %v, want %v", c.given, got, ok, c.rps)
		}
	}
}

func TestFaultFlags(t *testing.T) {
	parse := func(args ...string) (faultFlags, error) {
		var f faultFlags
		fs := flag.NewFlagSet("demo", flag.ContinueOnError)
		fs.SetOutput(new(bytes.Buffer))
		f.declare(fs)
		err := fs.Parse(args)
		return f, err
	}
	f, err := parse("--kill", "s2@2s", "--pause", "s1@100ms", "--restart-lb", "3s", "--drain", "s2@1s", "--stop", "s1@4s")
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.resolve(2, 10*time.Second)
	want := []planned{{faultKill, 1, 2 * time.Second}, {faultPause, 0, 100 * time.Millisecond}, {faultRestart, -1, 3 * time.Second}, {faultStop, 1, time.Second}, {faultStop, 0, 4 * time.Second}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("faults %v, %v; want %v", got, err, want)
	}
	if _, err := f.resolve(2, 3*time.Second); !systems.IsUsage(err) || !strings.Contains(err.Error(), "--restart-lb 3s") {
		t.Errorf("a fault after the end: error %v", err)
	}
	_, err = f.resolve(1, 0)
	var choice *systems.ChoiceError
	if !systems.IsUsage(err) || !errors.As(err, &choice) || choice.Word != "s2" {
		t.Errorf("an unknown server: error %v", err)
	}
	for _, args := range [][]string{{"--kill", "s2"}, {"--kill", "@2s"}, {"--pause", "s2@x"}, {"--drain", "s1@-1s"}, {"--restart-lb", "s1@2s"}, {"--kill", "s1@1s..2s"}, {"--kill", "s1@1s; kill s2@2s"}} {
		if _, err := parse(args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestDoubtsThatAreForgiven(t *testing.T) {
	late := record.Doubt(checkPunctual, 1, "departures were late")
	for name, c := range map[string]struct {
		v    record.Verdict
		want string // in the error; empty: none
	}{
		"all valid":       {record.Judge(record.Pass("answers", 1)), ""},
		"late":            {record.Judge(record.Pass("answers", 1), late), ""},
		"late and wrong":  {record.Judge(record.Fail("answers", 1, "3 were wrong"), late), "answers is invalid: 3 were wrong"},
		"in doubt":        {record.Judge(record.Pass("answers", 1), record.Doubt("shares", 5, "perhaps")), "shares is unknown: perhaps"},
		"a part unseen":   {record.Judge(record.Pass("answers", 1), record.Pass("capacity", 0)), ""},
		"nothing to see":  {record.Judge(record.Pass("answers", 0)), "nothing was proved"},
		"nothing checked": {record.Judge(), "nothing was proved"},
	} {
		t.Run(name, func(t *testing.T) {
			var warnings bytes.Buffer
			err := proved(&warnings, c.v)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if got := strings.Contains(warnings.String(), "departures were late"); got != strings.HasPrefix(name, "late") {
				t.Errorf("warnings %q", warnings.String())
			}
		})
	}
	var names []string
	for _, check := range (&History{Service: time.Second}).Checks() {
		names = append(names, check.Name)
	}
	if !slices.Contains(names, checkPunctual) {
		t.Errorf("no check is called %s: %v", checkPunctual, names)
	}
}

func TestSummaryKeysKeepTheirOrder(t *testing.T) {
	var b bytes.Buffer
	if err := (&summary{Servers: []serverSummary{{ID: "s1"}}}).printJSON(&b); err != nil {
		t.Fatal(err)
	}
	want := `{"policy":"","clients":0,"sent":0,"ok":0,"refused":0,"failed":0,"unknown":0,"throughput":0,"p50_ms":0,"p99_ms":0,` +
		`"jain_requests":0,"jain_busy":0,"servers":[{"id":"s1","capacity":0,"requests":0,"busy_s":0,"cpu_s":0,"max_in_flight":0}]}` + "\n"
	if b.String() != want {
		t.Errorf("JSON\n%swant\n%s", b.String(), want)
	}
	var back summary
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(back.Servers, []serverSummary{{ID: "s1"}}) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestTable(t *testing.T) {
	rows := []*lookasidev1.Server{{Id: "s1", Capacity: 1, Picks: 5, InFlight: 2, Utilization: 0.5}, {Id: "s2", Capacity: 0.2, Suspect: true}}
	t.Run("in a log, a line per look", func(t *testing.T) {
		var b bytes.Buffer
		tab := &table{out: &b}
		tab.draw(time.Second, rows, nil)
		tab.note("now: --kill s2@1s")
		tab.draw(2*time.Second, nil, errors.New("away"))
		if got := b.String(); strings.Count(got, "\n") != 3 || strings.Contains(got, "\x1b") || !strings.Contains(got, "s1 5(2)") || !strings.Contains(got, "s2 0(0) suspect") || !strings.Contains(got, "no balancer: away") {
			t.Errorf("log:\n%s", got)
		}
	})
	t.Run("on a terminal, in place", func(t *testing.T) {
		var b bytes.Buffer
		tab := &table{out: &b, terminal: true}
		tab.draw(time.Second, rows, nil)
		tab.note("now: --kill s2@1s")
		b.Reset()
		tab.draw(2*time.Second, rows[:1], nil)
		if got := b.String(); !strings.HasPrefix(got, "\x1b[4A") || !strings.Contains(got, "#####.....  50%") || !strings.Contains(got, "now: --kill s2@1s") {
			t.Errorf("screen:\n%q", got)
		}
	})
}

// A request takes modelled time or real work, not both.
func TestServiceTimeAndCPUExcludeEachOther(t *testing.T) {
	for _, c := range []struct {
		args []string
		bad  bool
	}{
		{[]string{"--service-time", "20ms", "--cpu", "5ms"}, true},
		{[]string{"--cpu", "5ms"}, false},
		{[]string{"--service-time", "5ms"}, false},
		{[]string{"--service-time", "0s", "--cpu", "5ms"}, false}, // as a trial says it
	} {
		fs := flag.NewFlagSet("server", flag.ContinueOnError)
		check := oneWork(fs, bind(fs, "service-time", "cpu"))
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		err := check()
		if systems.IsUsage(err) != c.bad {
			t.Errorf("%v: %v", c.args, err)
		}
		if c.bad && (!strings.Contains(err.Error(), "--service-time 20ms") || !strings.Contains(err.Error(), "--cpu 5ms")) {
			t.Errorf("%v does not name both", err)
		}
	}
}
