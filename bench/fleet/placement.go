package fleet

import (
	"slices"
	"strconv"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
)

// plan says where the roles of a system run.
type plan struct {
	system    *systems.System
	placement *record.Placement
	machines  int
}

// generates says whether a role drives load: what serves nobody does.
func (p plan) generates(role string) bool {
	r, ok := p.system.Lookup(role)
	return ok && !r.Serves
}

// on is the index of the machine of a process.
func (p plan) on(role, name string) int {
	index := max(slices.IndexFunc(p.system.Roles, func(r systems.Role) bool { return r.Name == role }), 0)
	number := number(name)
	switch {
	case p.placement != nil && p.placement.Policy == record.Pack:
		return 0
	case p.placement != nil && p.placement.Policy == record.Apart && p.machines > 1:
		if p.generates(role) {
			return p.machines - 1
		}
		return (index + number) % (p.machines - 1)
	case p.placement != nil && len(p.placement.Roles[role]) > 0:
		places := p.placement.Roles[role]
		return (places[number%len(places)] - 1) % p.machines
	}
	return (index + number) % p.machines
}

// number is that at the end of a process's name, which counts from 1; 0: there is
// none, or it is the first.
func number(name string) int {
	digits := name[len(strings.TrimRight(name, "0123456789")):]
	n, _ := strconv.Atoi(digits)
	return max(n-1, 0)
}

// cycle is how many processes of a role Plan shows.
const cycle = 4

// Plan says in a line for each role on which machines its first processes run.
func Plan(s *systems.System, placement *record.Placement, machines []string) (lines []string) {
	p := plan{s, placement, len(machines)}
	for _, r := range s.Roles {
		var where []string
		for i := range cycle {
			where = append(where, machines[p.on(r.Name, r.Name+strconv.Itoa(i+1))])
		}
		line := r.Name + ": " + strings.Join(where, ", ") + ", …"
		if len(slices.Compact(slices.Clone(where))) == 1 {
			line = r.Name + ": " + where[0]
		}
		if p.generates(r.Name) {
			line += " (drives the load)"
		}
		lines = append(lines, line)
	}
	return lines
}
