package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dyno/internal/record"
)

// controlCells are the cells of an experiment's negative controls: each is a
// cell with other knobs. They count on from the other cells.
func controlCells(e *Experiment, all []*Cell) ([]*Cell, error) {
	var out []*Cell
	for _, c := range e.Controls {
		base, err := oneAny(all, c.Where)
		if err != nil {
			return nil, fmt.Errorf("control %s: %w", c.Name, err)
		}
		given := maps.Clone(base.Values)
		maps.Copy(given, c.Knobs)
		v, err := e.resolve(given)
		if err != nil {
			return nil, fmt.Errorf("control %s: %w", c.Name, err)
		}
		for _, other := range slices.Concat(all, out) {
			if maps.Equal(other.Values, v) {
				return nil, fmt.Errorf("control %s is the same as cell %s: nothing is broken in it that is not there", c.Name, other.Label(e))
			}
		}
		out = append(out, &Cell{Index: len(all) + len(out) + 1, Control: c.Name, Factors: base.Factors, Values: v})
	}
	return out, nil
}

// oneCore finds the one core cell that values name.
func oneCore(all []*Cell, v record.Values) (*Cell, error) {
	return oneOf(slices.DeleteFunc(slices.Clone(all), func(c *Cell) bool { return c.Detail }), v, "core cells")
}

// oneAny finds the one core cell that values name, or else the one detail cell.
func oneAny(all []*Cell, v record.Values) (*Cell, error) {
	if slices.ContainsFunc(all, func(c *Cell) bool { return !c.Detail && v.In(record.Values(c.Values)) }) {
		return oneCore(all, v)
	}
	return oneOf(all, v, "cells")
}

// oneOf finds the one cell that values name, among cells of a kind.
func oneOf(all []*Cell, v record.Values, kind string) (*Cell, error) {
	found := slices.DeleteFunc(slices.Clone(all), func(c *Cell) bool { return !v.In(record.Values(c.Values)) })
	if len(found) == 1 {
		return found[0], nil
	}
	var named, differ []string
	for _, knob := range slices.Sorted(maps.Keys(v)) {
		named = append(named, knob+": "+v[knob])
	}
	err := fmt.Errorf("{%s} names %d %s, want exactly one", strings.Join(named, ", "), len(found), kind)
	if len(found) == 0 {
		return nil, err
	}
	for _, knob := range slices.Sorted(maps.Keys(found[0].Values)) {
		if len(levelsOf(found, knob)) > 1 {
			differ = append(differ, knob)
		}
	}
	return nil, fmt.Errorf("%w: give a level of %s, too", err, strings.Join(differ, ", "))
}

// controls checks the negative controls and makes their levels canonical.
func (k *checker) controls() error {
	var names []string
	for i, c := range k.e.Controls {
		place := []string{"controls", strconv.Itoa(i)}
		if err := k.part("control", c.Name, names, [][2]string{{"broken", c.Broken}, {"caught-by", c.CaughtBy}}, place); err != nil {
			return err
		}
		if err := k.control(c, place); err != nil {
			return err
		}
		names = append(names, c.Name)
	}
	all, err := everyCell(k.e)
	if err != nil {
		return k.fail(err, "controls")
	}
	for _, c := range all {
		k.e.cells = append(k.e.cells, c.stored(1))
	}
	return nil
}

func (k *checker) control(c record.Control, place []string) error {
	if len(c.Knobs) == 0 {
		return k.fail(fmt.Errorf("control %s: knobs %w: nothing would be broken", c.Name, errEmpty), append(place, "knobs")...)
	}
	if _, err := k.anyCell(c.Where, "control "+c.Name, append(place, "where")...); err != nil {
		return err
	}
	for _, knob := range slices.Sorted(maps.Keys(c.Knobs)) {
		level, err := k.level(knob, c.Knobs[knob])
		if err != nil {
			return k.fail(fmt.Errorf("control %s: %w", c.Name, err), append(place, "knobs", knob)...)
		}
		c.Knobs[knob] = level
	}
	return nil
}

// proper says whether a trial ended as it should: with a valid verdict, or, of
// a control, found out.
func (p *Plan) proper(t *record.Trial) bool {
	if t.Control == "" {
		return t.Status() == record.Valid
	}
	c, ok := p.Control(t.Control)
	return ok && c.Caught(t)
}
