package report

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// exported are the statistics of a histogram that go into the export, where a
// trial supports them.
var exported = []string{"mean", "p50", "p90", "p99", "p999"}

// export writes the valid trials in Go benchmark format, one line each, so
// that benchstat -row /KNOB -col /KNOB prints a table. Names and order depend
// on the results alone: no commit, no date.
func (r *Result) export() ([]byte, error) {
	var out bytes.Buffer
	w := benchfmt.NewWriter(&out)
	all := columns(r.Run.Metrics)
	for _, c := range all {
		if c.better == "" {
			continue
		}
		meta := &benchfmt.UnitMetadata{
			UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: c.unit, Key: "better"}, OrigUnit: c.unit,
			Value: string(c.better),
		}
		if err := w.Write(meta); err != nil {
			return nil, err
		}
	}
	trials := stats.Valid(r.Trials)
	slices.SortFunc(trials, func(a, b *record.Trial) int {
		return cmp.Or(cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Block, b.Block))
	})
	for _, t := range trials {
		line := &benchfmt.Result{
			Name:   benchfmt.Name(r.benchmark(r.cells[t.Cell-1])),
			Iters:  int(max(1, t.Observation.Counts.OK)),
			Values: benchValues(all, t),
		}
		if len(line.Values) == 0 {
			continue // the format wants at least one
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// benchmark names a cell: "LbPolicies/policy=round_robin/clients=100". Knobs
// come in the order of the experiment file; those that the cell's sweep does
// not vary are left out.
func (r *Result) benchmark(c *cell) string {
	var b strings.Builder
	for word := range strings.SplitSeq(r.Run.Experiment.Name, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	for _, knob := range sweptKnobs(&r.Run.Experiment) {
		if c.has(knob) {
			fmt.Fprintf(&b, "/%s=%s", knob, benchLevel(c.Values[knob]))
		}
	}
	return b.String()
}

// digitsTail is what benchmark names end in to say GOMAXPROCS.
var digitsTail = regexp.MustCompile(`-([0-9]+)$`)

// benchLevel escapes, as URLs do, what has a meaning in a benchmark's name:
// slashes, blanks of every kind, and a hyphen before digits at the end.
func benchLevel(level string) string {
	var b strings.Builder
	for _, r := range level {
		if r == '%' || r == '/' || !unicode.IsPrint(r) || unicode.IsSpace(r) {
			for _, octet := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", octet)
			}
			continue
		}
		b.WriteRune(r)
	}
	return digitsTail.ReplaceAllString(b.String(), "%2D$1")
}

func benchValues(all []column, t *record.Trial) []benchfmt.Value {
	var out []benchfmt.Value
	for _, c := range all {
		if v, ok := stats.Value(t, c.metric); ok {
			out = append(out, benchfmt.Value{Value: c.scale(v), Unit: c.unit})
		}
	}
	return out
}
