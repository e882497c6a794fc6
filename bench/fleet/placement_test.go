package fleet_test

import (
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"dyno/bench/fleet"
	"dyno/internal/record"
	"dyno/systems"
)

var shop = &systems.System{Name: "shop", Roles: []systems.Role{
	{Command: systems.Command{Name: "till"}, Serves: true},
	{Command: systems.Command{Name: "store"}, Serves: true},
	{Command: systems.Command{Name: "customer"}},
}}

func TestPlan(t *testing.T) {
	three, one := []string{"a", "b", "c"}, []string{"a"}
	for text, c := range map[string]struct {
		machines []string
		want     []string
	}{
		"":                               {three, []string{"till: a, b, c, a, …", "store: b, c, a, b, …", "customer: c, a, b, c, … (drives the load)"}},
		"spread":                         {three, []string{"till: a, b, c, a, …", "store: b, c, a, b, …", "customer: c, a, b, c, … (drives the load)"}},
		"pack":                           {three, []string{"till: a", "store: a", "customer: a (drives the load)"}},
		"apart":                          {three, []string{"till: a, b, a, b, …", "store: b, a, b, a, …", "customer: c (drives the load)"}},
		"{store: [3, 2], customer: [4]}": {three, []string{"till: a, b, c, a, …", "store: c, b, c, b, …", "customer: a (drives the load)"}},
		"apart # with one":               {one, []string{"till: a", "store: a", "customer: a (drives the load)"}},
	} {
		var p *record.Placement
		if err := yaml.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if got := fleet.Plan(shop, p, c.machines); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", text, got, c.want)
		}
	}
	for _, text := range []string{"heap", "{till: []}", "{till: [0]}", "{till: a}", "[1]"} {
		if err := yaml.Unmarshal([]byte(text), new(record.Placement)); err == nil {
			t.Errorf("%q is a placement", text)
		}
	}
}
