package record

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Machine is one that ran roles of trials.
type Machine struct {
	Name        string `json:"name"`     // as the hosts file has it
	Address     string `json:"address"`  // on which its roles listened
	Hostname    string `json:"hostname"` // as its kernel has it
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	MemoryBytes uint64 `json:"memory_bytes"`
	OS          string `json:"os"`
	Kernel      string `json:"kernel"`
	QoS         string `json:"qos,omitempty"` // class of its pod, where it is one
}

// Trip is the least round-trip time of several exchanges of a byte over TCP.
type Trip struct {
	From string  `json:"from"`
	To   string  `json:"to"`
	RTT  float64 `json:"rtt_s"`
}

// Runner is what the runner's machine is called in a Trip.
const Runner = "runner"

// The policies of a Placement.
const (
	Spread = "spread" // a role's processes on one machine after another
	Pack   = "pack"   // all on the first machine
	Apart  = "apart"  // who generates load on the last machine, the others spread over the rest
)

// Placements are the policies.
var Placements = []string{Spread, Pack, Apart}

// Placement says which machine runs which role: by a policy, or by the machines of
// each role, numbered from 1 in the order of the hosts; roles that it does not name
// are spread. Where there are fewer machines it begins again with the first.
type Placement struct {
	Policy string           `json:"policy,omitempty"`
	Roles  map[string][]int `json:"roles,omitempty"`
}

// UnmarshalYAML reads the name of a policy, or roles with their machines.
func (p *Placement) UnmarshalYAML(decode func(any) error) error {
	if decode(&p.Policy) == nil {
		if !slices.Contains(Placements, p.Policy) {
			return fmt.Errorf("%q: want %s, or {ROLE: [MACHINE, ...]}", p.Policy, strings.Join(Placements, ", "))
		}
		return nil
	}
	if err := decode(&p.Roles); err != nil {
		return fmt.Errorf("want %s, or {ROLE: [MACHINE, ...]} with machines numbered from 1", strings.Join(Placements, ", "))
	}
	for _, role := range slices.Sorted(maps.Keys(p.Roles)) {
		if m := p.Roles[role]; len(m) == 0 || slices.Min(m) < 1 {
			return fmt.Errorf("%s: %w", role, errNoMachine)
		}
	}
	return nil
}

var errNoMachine = errors.New("name at least one machine; the first is 1")

// String is the placement in a word or two.
func (p *Placement) String() string {
	switch {
	case p == nil || p.Policy == "" && len(p.Roles) == 0:
		return Spread
	case p.Policy != "":
		return p.Policy
	}
	return "by role"
}
