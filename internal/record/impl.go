package record

import (
	"maps"
	"slices"
)

// Given is the label of an implementation that has none.
const Given = "given"

// Impls are implementations by their labels: for each, which command stands in
// for which role.
type Impls map[string]map[string]string

// UnmarshalYAML reads labels with their roles, or the roles of a single one,
// which stands in all cells.
func (i *Impls) UnmarshalYAML(decode func(any) error) error {
	var one map[string]string
	if decode(&one) == nil {
		*i = Impls{Given: one}
		return nil
	}
	return decode((*map[string]map[string]string)(i))
}

// Labels are in order.
func (i Impls) Labels() []string { return slices.Sorted(maps.Keys(i)) }
