package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/internal/record"
)

// view is what a figure or a table shows: one cell for each combination of the
// levels of its knobs.
type view struct {
	knobs  []string
	levels [][]string // of each knob: those that occur, in order
	cells  map[string]*cell
}

// view groups the cells that a filter keeps by the levels of knobs. It is an
// error when several cells would share one place.
func (r *Result) view(knobs []string, keep record.Where) (*view, error) {
	named := slices.Clone(knobs)
	for knob := range keep {
		named = append(named, knob)
	}
	groups := make(map[string][]*cell)
	var order []string
	for _, c := range r.matching(keep) {
		key, known := place(c.Values, knobs)
		if !known || c.left() {
			continue // not part of this run
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], c)
	}
	v := &view{knobs: knobs, levels: make([][]string, len(knobs)), cells: make(map[string]*cell)}
	for _, key := range order {
		c, err := pick(groups[key], named)
		if err != nil {
			if key != "" {
				err = fmt.Errorf("%s: %w", strings.ReplaceAll(key, "\x00", " "), err)
			}
			return nil, fmt.Errorf("%w; name them in rows (of a figure: x, series or facet), or keep one level with where", err)
		}
		v.cells[key] = c
	}
	for i, knob := range knobs {
		for _, l := range r.levels(knob) {
			if v.shows(knob, l) {
				v.levels[i] = append(v.levels[i], l)
			}
		}
	}
	return v, nil
}

// place is the key of values in a view.
func place(values record.Values, knobs []string) (key string, known bool) {
	parts := make([]string, len(knobs))
	for i, knob := range knobs {
		level, ok := values[knob]
		if !ok {
			return "", false
		}
		parts[i] = knob + "=" + level
	}
	return strings.Join(parts, "\x00"), true
}

// at returns the cell at the given levels of the view's knobs; nil when none
// was planned.
func (v *view) at(levels record.Values) *cell {
	key, _ := place(levels, v.knobs)
	return v.cells[key]
}

// of returns the levels of one of the view's knobs; for no knob, one level
// without a name.
func (v *view) of(knob string) []string {
	if i := slices.Index(v.knobs, knob); i >= 0 {
		return v.levels[i]
	}
	return []string{""}
}

func (v *view) shows(knob, level string) bool {
	for _, c := range v.cells {
		if c.Values[knob] == level {
			return true
		}
	}
	return false
}

// numeric returns the levels in the order of their numbers, and the numbers:
// plain ones, or durations in milliseconds. ok is false unless all are of one
// sort.
func numeric(levels []string) (sorted []string, numbers []float64, ok bool) {
	for _, parse := range []func(string) (float64, error){
		func(s string) (float64, error) { return strconv.ParseFloat(s, 64) },
		func(s string) (float64, error) {
			d, err := time.ParseDuration(s)
			return float64(d) / float64(time.Millisecond), err
		},
	} {
		if sorted, numbers, ok = parseAll(levels, parse); ok {
			return sorted, numbers, true
		}
	}
	return levels, nil, false
}

func parseAll(levels []string, parse func(string) (float64, error)) ([]string, []float64, bool) {
	type level struct {
		text  string
		value float64
	}
	var all []level
	for _, l := range levels {
		x, err := parse(l)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, nil, false
		}
		all = append(all, level{l, x})
	}
	slices.SortStableFunc(all, func(a, b level) int { return cmp.Compare(a.value, b.value) })
	var texts []string
	var values []float64
	for _, l := range all {
		texts, values = append(texts, l.text), append(values, l.value)
	}
	return texts, values, true
}
