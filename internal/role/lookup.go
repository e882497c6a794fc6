package role

import (
	"slices"

	"dyno/systems"
)

// lookup finds a role or command of a system.
func lookup(known []*systems.System, system, word string) (*systems.System, systems.Command, error) {
	var names []string
	for _, s := range known {
		if s.Name != system {
			names = append(names, s.Name)
			continue
		}
		if r, ok := s.Lookup(word); ok {
			return s, r.Command, nil
		}
		named := func(c systems.Command) bool { return c.Name == word }
		if i := slices.IndexFunc(s.Commands, named); i >= 0 {
			return s, s.Commands[i], nil
		}
		return nil, systems.Command{}, systems.Usagef("%s has no role or command %q: dyno list names them", system, word)
	}
	return nil, systems.Command{}, systems.Usagef("system %w", &systems.ChoiceError{Word: system, Allowed: names})
}
