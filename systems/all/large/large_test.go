package large_test

import (
	"slices"
	"testing"

	"dyno/systems"
	"dyno/systems/all"
	"dyno/systems/all/large"
)

// Where dyno has a program for large roles beside it, that runs all of them.
func TestKnowsLargeRoles(t *testing.T) {
	known := large.Systems()
	for _, s := range all.Systems {
		for _, r := range s.Roles {
			i := slices.IndexFunc(known, func(o *systems.System) bool { return o.Name == s.Name })
			if r.Large && i < 0 {
				t.Errorf("package large has no line for %s: its role %s could not be started", s.Name, r.Name)
			} else if r.Large {
				if _, ok := known[i].Lookup(r.Name); !ok {
					t.Errorf("package large does not have the role %s of %s", r.Name, s.Name)
				}
			}
		}
	}
}
