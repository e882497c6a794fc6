package slim_test

import (
	"slices"
	"testing"

	"dyno/systems"
	"dyno/systems/all"
	"dyno/systems/all/slim"
)

// Where dyno has a slim program beside it, that runs all roles: it knows those of
// every system.
func TestKnowsAllRoles(t *testing.T) {
	for _, s := range all.Systems {
		i := slices.IndexFunc(slim.Systems, func(o *systems.System) bool { return o.Name == s.Name })
		if i < 0 {
			t.Errorf("package slim has no line for %s: its roles could not be started", s.Name)
			continue
		}
		for _, r := range s.Roles {
			if _, ok := slim.Systems[i].Lookup(r.Name); !ok {
				t.Errorf("package slim does not have the role %s of %s", r.Name, s.Name)
			}
		}
	}
}
