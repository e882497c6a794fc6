package inject

import (
	"slices"
	"strings"

	"dyno/bench/fault"
	"dyno/bench/link"
	"dyno/systems"
)

// Ground is whom faults can strike in a trial of a cell: what [Faults] find once all
// is started, known before.
type Ground struct {
	Processes []string
	Links     [][2]string // who reaches whom
}

// Pairs are the links of nodes each of which reaches all others.
func Pairs(nodes ...string) (all [][2]string) {
	for _, from := range nodes {
		for _, to := range nodes {
			if from != to {
				all = append(all, [2]string{from, to})
			}
		}
	}
	return all
}

// Check refuses a text with a fault that would strike nobody, or that real processes
// cannot have.
func (g Ground) Check(text string) error {
	schedule, err := fault.Parse(text)
	if err != nil {
		return err
	}
	for _, f := range schedule {
		err := happens(f)
		if err == nil && f.Kind.OnLinks() {
			err = g.onLinks(f)
		} else if err == nil {
			err = onProcess(f, g.Processes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g Ground) onLinks(f fault.Fault) error {
	var all []string
	for _, l := range g.Links {
		if forward, back := link.Concerns(f, l[0], l[1]); forward || back {
			return nil
		}
		all = append(all, l[0]+"->"+l[1])
	}
	return systems.Usagef("fault %q: no link matches %v; there are: %s", f, f.Links, strings.Join(all, ", "))
}

// onProcess refuses a fault of a process that there is not.
func onProcess(f fault.Fault, names []string) error {
	if slices.Contains(names, f.Node) {
		return nil
	}
	return systems.Usagef("fault %q: process %w", f, &systems.ChoiceError{Word: f.Node, Allowed: slices.Sorted(slices.Values(names))})
}

// happens refuses what happens in the simulator only.
func happens(f fault.Fault) error {
	switch {
	case link.Offers(f.Kind):
	case !slices.Contains(onProcesses, f.Kind):
		return systems.Usagef("fault %q: %s happens in the simulator only", f, f.Kind)
	case f.Kind == fault.FullDisk && f.P != 1:
		return systems.Usagef("fault %q: that some writes fail happens in the simulator only; here all do", f)
	}
	return nil
}
