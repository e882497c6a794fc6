package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dyno/experiments"
	"dyno/internal/record"
)

// board is how far a sweep has come, and what the trial at hand is like: what the
// terminal's table and the live page show.
type board struct {
	Experiment  string             `json:"experiment"`
	Cell        string             `json:"cell"`
	Block       int                `json:"block"`
	Blocks      int                `json:"blocks"`
	Done        int                `json:"done"` // trials of all plans
	Total       int                `json:"total"`
	Left        string             `json:"left"`
	Valid       int                `json:"valid"`
	Invalid     int                `json:"invalid"`
	Unknown     int                `json:"unknown"`
	Errors      int                `json:"errors"`
	Controls    int                `json:"controls"` // that were caught
	Again       string             `json:"again,omitempty"`
	left        time.Duration      // as Left says it
	sample      experiments.Sample // the newest
	lastVerdict string             // of the last trial, with its cell
}

// table is the board on a terminal: a few lines of at most a width.
func (b *board) table(width int) []string {
	const wide = 24
	full := 0
	if b.Total > 0 {
		full = wide * min(b.Done, b.Total) / b.Total
	}
	lines := []string{
		fmt.Sprintf("%s  [%s%s] %d/%d  block %d/%d  %s left", b.Experiment, strings.Repeat("#", full), strings.Repeat(".", wide-full),
			b.Done, b.Total, b.Block, b.Blocks, b.Left),
		fmt.Sprintf("  now   %s  %.1fs", b.Cell, b.sample.At.Seconds()),
	}
	if b.Again != "" {
		lines = append(lines, "  again "+b.Again)
	}
	if l := b.sample.Live; l != nil && l.Seconds > 0 {
		lines = append(lines, fmt.Sprintf("  load  %.0f OK/s  p50 %.3g ms  p99 %.3g ms  not OK %d",
			float64(l.OK)/l.Seconds, l.P50, l.P99, l.Other))
	}
	lines = append(lines, "  cpu   "+cores(b.sample.CPU))
	done := fmt.Sprintf("  done  %d valid  %d invalid  %d unknown  %d without a result", b.Valid, b.Invalid, b.Unknown, b.Errors)
	if b.Controls > 0 {
		done += fmt.Sprintf("  %d controls caught", b.Controls)
	}
	if lines = append(lines, done); b.lastVerdict != "" {
		lines = append(lines, "  last  "+b.lastVerdict)
	}
	for i, l := range lines {
		if r := []rune(l); len(r) >= width {
			lines[i] = string(r[:max(0, width-2)]) + "…"
		}
	}
	return lines
}

// cores says who keeps how much of the machine busy, the busiest first.
func cores(all []experiments.Usage) string {
	if len(all) == 0 {
		return "–"
	}
	sum, busy := 0.0, slices.Clone(all)
	for _, u := range all {
		sum += u.Cores
	}
	slices.SortStableFunc(busy, func(x, y experiments.Usage) int { return cmp.Compare(y.Cores, x.Cores) })
	var parts []string
	for _, u := range busy {
		parts = append(parts, fmt.Sprintf("%s %.2f", u.Name, u.Cores))
	}
	return fmt.Sprintf("%.2f cores: %s", sum, strings.Join(parts, "  "))
}

// tally takes over how trials ended.
func (b *board) tally(t experiments.Tally) {
	b.Valid, b.Invalid, b.Unknown, b.Errors, b.Controls = t.Valid, t.Invalid, t.Unknown, t.Errors, t.Caught
}

// verdict says in a word how a trial of a plan ended.
func verdict(plan *experiments.Plan, t *record.Trial) string {
	switch c, control := plan.Control(t.Control); {
	case t.Absent:
		return "left out"
	case t.Observation == nil:
		return "error"
	case control && c.Caught(t):
		return "caught by " + c.CaughtBy
	case control:
		return fmt.Sprintf("MISSED: %s, and %s should have caught it", t.Status(), c.CaughtBy)
	}
	return string(t.Status())
}

// cellOf names the cell of a trial of a plan.
func cellOf(plan *experiments.Plan, t *record.Trial) string {
	for _, c := range plan.Cells {
		if c.Index == t.Cell {
			return c.Label(plan.Experiment)
		}
	}
	return ""
}
