package target_test

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dyno/internal/record"
)

// Every driver takes a list. Ours tell each server's part, which must be all of it.
func TestSeveralServers(t *testing.T) {
	var at []string
	for range 3 {
		at = append(at, serve(t, new(somebody), true))
	}
	for _, driver := range []string{"closed", "open", "search", "ghz", "ghz-async"} {
		l := swept
		if driver == "search" {
			l = record.Load{Loop: "search", P99Below: 5, From: 1000, To: 1050, Precision: 0.1, Probes: 3}
		}
		o, err := measure(t, l, map[string]string{
			"address": "ipv4:" + strings.Join(at, ","), "service-config": "round_robin", "driver": driver, "rate": "300", "expect": serving,
			"pid": strconv.Itoa(os.Getpid()),
		})
		if unproven(t, err, o) {
			continue
		}
		if err != nil || o.Verdict.Status != record.Valid {
			t.Errorf("%s: %v, %v", driver, err, o.Verdict.Reasons())
			continue
		}
		if _, ok := o.Scalars["service_us_per_request"]; ok {
			t.Errorf("%s: all requests are said to be those of one server", driver)
		}
		shares := o.Vectors["server_share"]
		if strings.HasPrefix(driver, "ghz") != (shares.Labels == nil) {
			t.Errorf("%s: shares %+v", driver, shares)
		}
		sum := 0.0
		for _, x := range shares.Values {
			sum += x
		}
		if shares.Labels != nil && (!slices.Equal(shares.Labels, at) || math.Abs(sum-1) > 1e-9 || slices.Min(shares.Values) == 0) {
			t.Errorf("%s: %+v, of %v", driver, shares, at)
		}
	}
}
