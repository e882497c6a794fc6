package compare

import (
	"fmt"
	"strings"

	"dyno/internal/stats"
	"dyno/internal/table"
)

// String is both runs for a reader: tables in Markdown, notes, and a last line
// in words.
func (s *Stored) String() string {
	var b strings.Builder
	for _, e := range s.Experiments {
		e.write(&b)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	fmt.Fprintln(&b, s.Words)
	return b.String()
}

func (e StoredExperiment) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n", e.Name)
	for side, o := range e.Runs {
		fmt.Fprintf(b, "  %s: %s, begun %s, scale %s, %s, %d × %s\n", Sides[side], o.Dir, o.Started, o.Scale, counted(o.Blocks, "block"),
			o.Cores, o.CPU)
	}
	b.WriteByte('\n')
	if len(e.Yardsticks) > 0 {
		t := table.New("yardstick", "unit", "old", "new")
		for _, y := range e.Yardsticks {
			t.Add(y.Name, y.Unit, number(y.Levels[0], y.sums[0]), number(y.Levels[1], y.sums[1]))
		}
		fmt.Fprintln(b, t)
	}
	header := []string{"metric", "cell", "unit", "old", "new"}
	if len(e.Yardsticks) > 0 {
		header = append(header, "per", "old / its own", "new / its own")
	}
	t := table.New(append(header, "n")...)
	for _, row := range e.Rows {
		cells := []string{row.Metric, row.Cell, row.Unit, number(row.Levels[0], row.levels[0]), number(row.Levels[1], row.levels[1])}
		if len(e.Yardsticks) > 0 {
			cells = append(cells, row.Per, number(row.Ratios[0], row.ratios[0]), number(row.Ratios[1], row.ratios[1]))
		}
		t.Add(append(cells, fmt.Sprintf("%d, %d", row.Blocks[0], row.Blocks[1]))...)
	}
	fmt.Fprintf(b, "%s\nmedians over n blocks with valid trials; [ ] their intervals, ( to ) the range below %d blocks\n", t, LeastPairs)
}

// number is a level with its interval; a gap when there is none.
func number(l *Level, s stats.Summary) string {
	if l == nil {
		return ""
	}
	return table.Number(s)
}

func (s *Stored) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}
