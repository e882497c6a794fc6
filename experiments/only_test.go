package experiments

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// speeds is the toy with a knob whose levels are lists.
func speeds(t *testing.T, levels string) *Experiment {
	t.Helper()
	sys := toy()
	sys.Knobs = append(sys.Knobs, systems.Knob{Name: "capacity", Help: "speeds", Type: systems.Floats{Min: 0.1, Max: 10}})
	c := Catalog{Systems: []*systems.System{sys}}
	e, err := c.Read("toy-rates.yaml", []byte(strings.Replace(minimal, "{clients: [1]}", "{clients: [1, 10], capacity: ["+levels+"]}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A level is named as it is written, with or without commas; what could be a
// level or a list of levels is the level.
func TestOnlyNamesLevels(t *testing.T) {
	const lists = `"1", "2", "1,2", "1,1,0.2", ""`
	for _, c := range []struct {
		filters []string
		want    record.Where
	}{
		{nil, record.Where{}},
		{[]string{"capacity=1"}, record.Where{"capacity": {"1"}}},
		{[]string{"capacity=1,1,0.2"}, record.Where{"capacity": {"1,1,0.2"}}},
		{[]string{"capacity=1, 1, 0.20"}, record.Where{"capacity": {"1,1,0.2"}}},
		{[]string{"capacity=1,2"}, record.Where{"capacity": {"1,2"}}},
		{[]string{"capacity=2,1"}, record.Where{"capacity": {"2", "1"}}},
		{[]string{"capacity=1", "capacity=2"}, record.Where{"capacity": {"1", "2"}}},
		{[]string{"capacity=1,1,0.2", "capacity=1,2"}, record.Where{"capacity": {"1,1,0.2", "1,2"}}},
		{[]string{"capacity="}, record.Where{"capacity": {""}}},
		{[]string{"clients=1,10"}, record.Where{"clients": {"1", "10"}}},
		{[]string{"clients=1, 10", "capacity=1"}, record.Where{"clients": {"1", "10"}, "capacity": {"1"}}},
	} {
		e := speeds(t, lists)
		only, err := e.Only(c.filters)
		if err != nil {
			t.Errorf("%q: %v", c.filters, err)
			continue
		}
		p, err := NewPlan(e, Selection{Scale: "full", Only: only})
		if err != nil {
			t.Errorf("%q: %v", c.filters, err)
			continue
		}
		for knob, want := range c.want {
			if got := levelsOf(p.Cells, knob); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
				t.Errorf("%q keeps the levels %q of %s, want %q", c.filters, got, knob, want)
			}
		}
	}
}

func TestOnlyMistakes(t *testing.T) {
	for filter, want := range map[string][]string{
		"capacity":         {"KNOB=LEVEL"},
		"=1":               {"KNOB=LEVEL"},
		"capacty=1":        {`"capacty"`, "capacity"},
		"capacity=1,1,0.3": {`"1,1,0.3"`, `"1,1,0.2"`},
		"capacity=2,5":     {`"5"`},
		"clients=3":        {`"3"`, "1, 10"},
		"clients=1,,10":    {`""`},
		"clients=":         {`""`, "1, 10"},
	} {
		e := speeds(t, `"2", "1,1,0.2"`)
		only, err := e.Only([]string{filter})
		if err == nil {
			_, err = NewPlan(e, Selection{Scale: "full", Only: only})
		}
		if !systems.IsUsage(err) {
			t.Errorf("--only %s: %v, want a usage error", filter, err)
		}
		for _, w := range want {
			if !strings.Contains(fmt.Sprint(err), w) {
				t.Errorf("--only %s: %v does not say %s", filter, err, w)
			}
		}
	}
}
