package demo

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/check"
)

func TestDoubtsThatAreForgiven(t *testing.T) {
	late := record.Doubt(check.Punctual, 1, "departures were late")
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
	for _, check := range (&check.History{Service: time.Second}).Checks() {
		names = append(names, check.Name)
	}
	if !slices.Contains(names, check.Punctual) {
		t.Errorf("no check is called %s: %v", check.Punctual, names)
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
		if got := b.String(); strings.Count(got, "\n") != 3 || strings.Contains(got, "\x1b") || !strings.Contains(got, "s1 5(2)") ||
			!strings.Contains(got, "s2 0(0) suspect") || !strings.Contains(got, "no balancer: away") {
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
		if got := b.String(); !strings.HasPrefix(got, "\x1b[4A") || !strings.Contains(got, "#####.....  50%") ||
			!strings.Contains(got, "now: --kill s2@1s") {
			t.Errorf("screen:\n%q", got)
		}
	})
}
