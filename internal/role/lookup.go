package role

import (
	"slices"

	"dyno/bench/yardstick"
	"dyno/systems"
	"dyno/systems/all"
)

// lookup finds a role of a system on the bench, or of the bench's own yardsticks.
func lookup(system, role string) (*systems.System, systems.Role, error) {
	var names []string
	for _, s := range slices.Concat(all.Systems, []*systems.System{yardstick.System}) {
		if s.Name != system {
			names = append(names, s.Name)
			continue
		}
		r, ok := s.Lookup(role)
		if !ok {
			return nil, r, systems.Usagef("%s has no role %q: dyno list names them", system, role)
		}
		return s, r, nil
	}
	return nil, systems.Role{}, systems.Usagef("system %w", &systems.ChoiceError{Word: system, Allowed: names})
}
