package exported

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dyno/bench/sample"
)

func start(t *testing.T, url, series string, interval time.Duration) (*sample.Scraper, error) {
	t.Helper()
	source, err := Series(url, series)
	if err != nil {
		return nil, err
	}
	return sample.StartScraper(t.Context(), source, interval)
}

// exporter answers with pages in turn, the last one again and again.
func exporter(t *testing.T, pages ...string) string {
	t.Helper()
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		page := pages[min(int(n.Add(1)), len(pages))-1]
		if page == "" {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, page)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// page has counters and a gauge of some sizes.
func page(calls, failed, goroutines float64) string {
	return fmt.Sprintf(`# TYPE calls_total counter
calls_total{code="OK",method="a,b"} %v
calls_total{code="Aborted"} %v
# TYPE go_goroutines gauge
go_goroutines %v
# TYPE took_seconds histogram
took_seconds_bucket{le="+Inf"} %v
took_seconds_sum 1.5
took_seconds_count %v
`, calls, failed, goroutines, calls, calls)
}

func TestScrape(t *testing.T) {
	series := `calls_total, calls_total{code="OK",method="a,b"}, go_goroutines, took_seconds_count`
	begin := time.Now()
	s, err := start(t, exporter(t, page(10, 1, 8), page(30, 2, 12)), series, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Stop()
	end := time.Now()
	counters, gauges := got.Window(begin, end)
	for i, want := range []float64{21, 20, 20} { // over the window, whatever its length
		if grew := counters.Values[i] * end.Sub(begin).Seconds(); math.Abs(grew-want) > 1e-6 {
			t.Errorf("%s grew by %v, want %v", counters.Labels[i], grew, want)
		}
	}
	if len(gauges.Values) != 1 || gauges.Labels[0] != "go_goroutines" || gauges.Values[0] < 8 || gauges.Values[0] > 12 || got.Lost() != 0 {
		t.Errorf("%+v, %d lost", gauges, got.Lost())
	}
	if line := got.Series(begin, end, end.Sub(begin)).Lines[0]; math.Abs(line.Values[0]-counters.Values[0]) > 1e-6 {
		t.Errorf("series %+v, rate %v", line, counters.Values[0])
	}
}

// A service that does not answer leaves a gap.
func TestScrapeOfNothing(t *testing.T) {
	s, err := start(t, exporter(t, page(1, 1, 1), ""), "go_goroutines", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Stop(); got.Lost() != 1 {
		t.Errorf("%d lost", got.Lost())
	}
}

func TestScrapeMistakes(t *testing.T) {
	url := exporter(t, page(1, 2, 3))
	for series, want := range map[string]string{
		"":                                      "0 series",
		"calls":                                 "calls_total",
		"nothing_total":                         "no series is named nothing_total",
		`calls_total{code="Lost"}`:              "other labels",
		"took_seconds":                          "took_seconds_count",
		"a b":                                   "names no series",
		"calls_total,calls_total":               "twice",
		strings.Repeat("x,", 40) + "go_threads": "",
	} {
		if s, err := start(t, url, series, time.Hour); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", series, s, err, want)
		}
	}
	for page, want := range map[string]string{"<html>": "text format", "": "503"} {
		if _, err := start(t, exporter(t, page), "x", time.Hour); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", page, err, want)
		}
	}
}
