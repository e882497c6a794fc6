package target_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dyno/internal/record"
)

// A trial brings the service's own side, and the load step by step.
func TestServiceSide(t *testing.T) {
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE calls_total counter\ncalls_total 7\n# TYPE threads gauge\nthreads 5\n")
	}))
	defer metrics.Close()
	o, err := measure(t, swept, map[string]string{
		"address": serve(t, new(somebody), true), "driver": "open", "ramp": "100..300/s", "expect": serving, "pid": strconv.Itoa(os.Getpid()),
		"metrics-url": metrics.URL, "series": "calls_total, threads", "abort-on": "errors > 50%",
	})
	if unproven(t, err, o) {
		return
	}
	if err != nil || o.Verdict.Status != record.Valid {
		t.Fatalf("%v, %v", err, o.Verdict.Reasons())
	}
	if got := o.Vectors["scraped_mean"]; len(got.Values) != 1 || got.Values[0] != 5 {
		t.Errorf("gauges %+v", got)
	}
	if got := o.Vectors["scraped_per_second"]; len(got.Values) != 1 || got.Values[0] != 0 {
		t.Errorf("counters %+v", got)
	}
	if o.Scalars["service_us_per_request"] <= 0 || o.Scalars["service_peak_bytes"] < 1<<20 {
		t.Errorf("%v", o.Scalars)
	}
	if got := o.Series["calls_over_time"]; len(got.Lines) != 2 || len(got.Lines[0].Values) != 20 {
		t.Errorf("timeline %+v", got)
	}
}

// A service that breaks ends the run, as a failed one.
func TestAbortOn(t *testing.T) {
	o, err := measure(t, swept, map[string]string{
		"address": serve(t, &somebody{refuse: 1}, true), "driver": "open", "rate": "200", "abort-on": "errors > 5%",
	})
	if err != nil || o.Verdict.Status != record.Invalid || !strings.Contains(strings.Join(o.Verdict.Reasons(), ";"), "abort-on") {
		t.Errorf("%v, %+v, %v", err, o.Counts, o.Verdict.Reasons())
	}
}

// What cannot be watched is told before anything is sent.
func TestWatchMistakes(t *testing.T) {
	addr := serve(t, new(somebody), true)
	for want, values := range map[string]map[string]string{
		"give one of them":   {"pid": "1", "cgroup": "web"},
		"no/such/group":      {"cgroup": "no/such/group"},
		"give both":          {"metrics-url": "http://127.0.0.1:1/metrics"},
		"connection refused": {"metrics-url": "http://127.0.0.1:1/metrics", "series": "x"},
	} {
		values["address"] = addr
		if _, err := measure(t, swept, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	missing := filepath.Join(t.TempDir(), "none.txt")
	if _, err := measure(t, swept, map[string]string{"address": addr, "driver": "open", "replay": missing}); err == nil || !strings.Contains(err.Error(), "none.txt") {
		t.Errorf("a file that is not there: %v", err)
	}
}
