package record

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Above the allowed share nothing is valid; what chance may have done is not
// final.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		sent, failed int64
		allowed      Share
		want         Status
	}{
		"none":                        {1000, 0, 0.001, Valid},
		"none of those allowed":       {10_000, 10, 0.001, Valid},
		"one timeout, short trial":    {400, 1, 0.001, Undetermined},
		"three of them":               {400, 3, 0.001, Undetermined},
		"five of them":                {400, 5, 0.001, Invalid},
		"a hair too many":             {1_000_000, 1001, 0.001, Undetermined},
		"many more":                   {1_000_000, 1200, 0.001, Invalid},
		"died half way":               {273_666, 271_110, 0.001, Invalid},
		"all":                         {3, 3, 0.001, Invalid},
		"two of two":                  {2, 2, 0.001, Invalid},
		"none is allowed":             {1_000_000, 1, 0, Invalid},
		"half is allowed, half fails": {1000, 500, 0.5, Valid},
		"half is allowed, all fail":   {1000, 1000, 0.5, Invalid},
		"all may fail":                {10, 10, 1, Valid},
	} {
		t.Run(name, func(t *testing.T) {
			f := Failures{Sent: c.sent, Failed: c.failed, First: "rpc error: code = Unavailable"}
			got := f.Check(c.allowed)
			if got.Status != c.want || got.Name != CheckFailures || got.Examined != c.sent {
				t.Errorf("%+v; want %s", got, c.want)
			}
			told := strings.Contains(got.Detail, f.Share().String()) && strings.Contains(got.Detail, "Unavailable")
			if told != (c.failed > 0) {
				t.Errorf("detail %q; want the share and the first error when there is one", got.Detail)
			}
		})
	}
}

// The tail of a Poisson distribution, against its terms summed from below.
func TestChance(t *testing.T) {
	for _, mean := range []float64{0.01, 0.4, 3, 50, 500} {
		for k := int64(mean) + 1; k < int64(mean+6*math.Sqrt(mean)+6); k++ {
			below, term := 0.0, math.Exp(-mean)
			for i := range k {
				below += term
				term *= mean / float64(i+1)
			}
			if got := chance(k, mean); math.Abs(got-(1-below)) > 1e-9 {
				t.Errorf("P(X ≥ %d), mean %v: %v; want %v", k, mean, got, 1-below)
			}
		}
	}
}

func TestHoldFailures(t *testing.T) {
	judged := func() *Observation {
		return &Observation{Counts: Counts{Offered: 100, Sent: 100, OK: 60, Unknown: 40}, Verdict: Judge(Pass("answers", 60))}
	}
	o := judged()
	o.HoldFailures(DefaultMaxFailures)
	if o.Verdict.Status != Invalid || o.Verdict.Conform() != nil || len(o.Flags) != 0 {
		t.Errorf("40 of 100 failed: %+v, flags %v", o.Verdict, o.Flags)
	}
	o = judged()
	o.HoldFailures(0.4)
	if o.Verdict.Status != Valid || len(o.Flags) != 1 || o.Flags[0].Name != "errors" {
		t.Errorf("40 of 100 failed and may: %+v, flags %v", o.Verdict, o.Flags)
	}
	o = judged() // a search: what failed above the knee is no figure
	o.Failures = &Failures{Sent: 50}
	o.HoldFailures(0)
	if o.Verdict.Status != Valid || len(o.Flags) != 0 {
		t.Errorf("what the figures rest on did not fail: %+v, flags %v", o.Verdict, o.Flags)
	}
	o = &Observation{Verdict: Judge(Pass("answers", 1))}
	o.HoldFailures(0)
	if len(o.Verdict.Checks) != 1 {
		t.Errorf("a trial without operations got %+v", o.Verdict)
	}
	o = &Observation{Counts: judged().Counts}
	if o.HoldFailures(1); o.Verdict.Status != "" {
		t.Errorf("a trial that nobody judged became %s", o.Verdict.Status)
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]Share{"0.1%": 0.001, "0 %": 0, "100%": 1, " 5% ": 0.05} {
		var s Share
		if err := s.Set(text); err != nil || math.Abs(float64(s-want)) > 1e-15 {
			t.Errorf("%q: %v, %v; want %v", text, s, err, float64(want))
		}
	}
	for _, text := range []string{"", "%", "0.1", "101%", "-1%", "NaN%", "inf%", "5%%", "a%"} {
		if err := new(Share).Set(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	var e Experiment
	if err := yaml.Unmarshal([]byte("max-failures: 2.5%"), &e); err != nil || e.Allowed() != 0.025 {
		t.Errorf("from YAML %v, %v", e.Allowed(), err)
	}
	if (&Experiment{}).Allowed() != DefaultMaxFailures {
		t.Error("without a word of it, the default does not hold")
	}
	text, err := yaml.Marshal(e.MaxFailures)
	if err != nil || string(text) != "2.5%\n" {
		t.Errorf("to YAML %q, %v", text, err)
	}
	if text, err = json.Marshal(e.MaxFailures); err != nil || string(text) != "0.025" {
		t.Errorf("to JSON %s, %v", text, err)
	}
}

// A stored trial is judged by what the experiment allows now.
func TestHoldAgain(t *testing.T) {
	o := Observation{Counts: Counts{Offered: 1000, Sent: 1000, OK: 900, Failed: 100}, Verdict: Judge(Pass("x", 1))}
	o.HoldAgain(1)
	if len(o.Verdict.Checks) != 1 {
		t.Errorf("a check out of nothing: %+v", o.Verdict)
	}
	o.HoldFailures(0.01)
	for _, c := range []struct {
		allowed Share
		want    Status
		flags   int
	}{{0.2, Valid, 1}, {0.2, Valid, 1}, {0.01, Invalid, 0}, {0.5, Valid, 1}} {
		o.HoldAgain(c.allowed)
		if o.Verdict.Status != c.want || len(o.Verdict.Checks) != 2 || len(o.Flags) != c.flags {
			t.Errorf("%v allowed: %+v, flags %+v", c.allowed, o.Verdict, o.Flags)
		}
	}
}
