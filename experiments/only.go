package experiments

import (
	"slices"
	"strings"

	"dyno/bench/fault"
	"dyno/internal/record"
	"dyno/systems"
)

// Only reads filters of the form KNOB=LEVEL[,LEVEL]. What follows the sign is
// one level if the experiment has it, commas and all; else commas separate
// levels. Filters of the same knob add up.
func (e *Experiment) Only(filters []string) (record.Where, error) {
	only := make(record.Where)
	if len(filters) == 0 {
		return only, nil
	}
	all, err := everyCell(e)
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		knob, text, ok := strings.Cut(f, "=")
		if !ok || knob == "" {
			return nil, systems.Usagef("--only %q: want KNOB=LEVEL[,LEVEL], for example policy=least_load,round_robin", f)
		}
		kn, err := e.System.Knob(knob)
		if err != nil {
			return nil, systems.Usagef("--only: %w", err)
		}
		only[knob] = append(only[knob], named(kn, text, levelsOf(all, knob))...)
	}
	return only, nil
}

// named are the levels that a text names, of those there are. A text that names
// none counts as one level if it could be one, for the error to quote it whole.
// Faults are named by the words, too, in which reports tell them.
func named(kn systems.Knob, text string, present []string) []string {
	has := func(word string) bool {
		c, err := kn.Type.Parse(word)
		return err == nil && slices.Contains(present, c)
	}
	if i := slices.IndexFunc(present, func(l string) bool { return fault.Tell(l) == text }); i >= 0 && !has(text) {
		return present[i : i+1]
	}
	parts := strings.Split(text, ",")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	_, err := kn.Type.Parse(text)
	if has(text) || err == nil && !slices.ContainsFunc(parts, has) {
		return []string{text}
	}
	return parts
}

// everyCell lists the cells of an experiment, controls included.
func everyCell(e *Experiment) ([]*Cell, error) {
	all, err := cells(e)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	controls, err := controlCells(e, all)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	return append(all, controls...), nil
}

// levelsOf lists the levels of a knob in some cells.
func levelsOf(all []*Cell, knob string) []string {
	var out []string
	for _, c := range all {
		if l := c.Values.Text(knob); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}
