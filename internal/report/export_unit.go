package report

import (
	"math"
	"slices"
	"strings"

	"dyno/internal/record"
)

// benchstat puts SI prefixes before whatever unit it reads, so that a
// millisecond in ms becomes 290.0m ms. In base units the prefix is right.
// (It knows ns and MB too, but keeps a repeat of 0 in them as a unit of its own.)
var baseUnits = map[string]struct {
	base  string
	power int      // of ten, by which values are multiplied
	words []string // what the unit is called in names of metrics
}{
	"ns": {"sec", -9, []string{"ns"}},
	"us": {"sec", -6, []string{"us"}},
	"µs": {"sec", -6, []string{"us"}},
	"ms": {"sec", -3, []string{"ms"}},
	"s":  {"sec", 0, []string{"s", "seconds"}},
	"B":  {"B", 0, []string{"bytes"}},
	"kB": {"B", 3, []string{"kb", "kilobytes"}},
	"MB": {"B", 6, []string{"mb", "megabytes"}},
	"GB": {"B", 9, []string{"gb", "gigabytes"}},
}

// perWords is what the lower part of a unit is called in names of metrics.
var perWords = map[string]string{"B": "byte"}

// benchUnit is a metric's name in the export, which takes the place of a unit
// there, and the power of ten to multiply its values by: recovery_ms is recovery-sec,
// cpu_us_per_request cpu_per_request-sec, and mb_per_s, which is nothing but
// its unit, B/s. What is no time and no size keeps its name.
func benchUnit(m record.Metric) (unit string, power int) {
	over, per, ratio := strings.Cut(m.Unit, "/")
	u, ok := baseUnits[over]
	if !ok {
		return m.Name, 0
	}
	base, tail := u.base, []string(nil)
	if ratio {
		word, ok := perWords[per]
		if !ok {
			word = per
		}
		base, tail = base+"/"+per, []string{"per", word}
	}
	parts := strings.Split(m.Name, "_")
	for i, p := range parts {
		end := i + 1 + len(tail)
		if slices.Contains(u.words, p) && end <= len(parts) && slices.Equal(parts[i+1:end], tail) {
			parts = slices.Delete(slices.Clone(parts), i, end)
			break
		}
	}
	if len(parts) == 0 {
		return base, u.power
	}
	return strings.Join(parts, "_") + "-" + base, u.power
}

// column is one measure of the export.
type column struct {
	metric string // as package stats names it
	unit   string
	power  int // of ten, by which its values are multiplied
	better record.Better
}

// scale brings a value into the column's unit. Dividing rounds once where
// multiplying by a fraction would round twice.
func (c column) scale(v float64) float64 {
	if c.power < 0 {
		return v / math.Pow10(-c.power)
	}
	return v * math.Pow10(c.power)
}

// columns are those of a run, each with a unit of its own.
func columns(metrics []record.Metric) []column {
	var out []column
	taken := make(map[string]bool)
	add := func(c column) {
		if taken[c.unit] { // by a metric whose name differs in its unit only
			c.unit = c.metric + "-" + c.unit
		}
		taken[c.unit] = true
		out = append(out, c)
	}
	for _, m := range metrics {
		switch m.Kind {
		case record.KindScalar:
			unit, power := benchUnit(m)
			add(column{m.Name, unit, power, m.Better})
		case record.KindHistogram:
			for _, stat := range exported {
				// Package stats gives them in milliseconds.
				add(column{m.Name + "." + stat, m.Name + "-" + stat + "-sec", -3, m.Better})
			}
		}
	}
	return out
}
