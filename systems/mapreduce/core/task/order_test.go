package task_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
)

// Whatever the lines and the splits: outputs one after the other are the lines in
// order, each as often as it was there.
func TestTotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching("[a-c]{0,3}")).Draw(t, "lines")
		cut := rapid.IntRange(0, len(lines)).Draw(t, "cut")
		p := plan{
			job: "totalsort", combine: rapid.Bool().Draw(t, "combine"), reduces: rapid.IntRange(1, 6).Draw(t, "reduces"),
			split: rapid.SampledFrom([]int64{1, 7, 1 << 20}).Draw(t, "split"),
		}
		for i, part := range [][]string{lines[:cut], lines[cut:]} {
			p.files = append(p.files, oracleFile{fmt.Sprint(i), joined(part)})
		}
		d := newMemory()
		p.edit = bounded(t, d, p)
		got, _, err := p.run(t.Context(), d)
		if slices.Sort(lines); err != nil || strings.Join(got, "") != joined(lines) {
			t.Fatalf("%v: %q, want the lines of %q", err, got, lines)
		}
	})
}

func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// bounded gives the program the bounds that are found on a disk, twice the same.
func bounded(t *rapid.T, d *memory, p plan) func(*job.Program) {
	var names []string
	for _, f := range p.files {
		d.files[f.name] = []byte(f.body)
		names = append(names, f.name)
	}
	prog, err := p.program()
	if err != nil {
		t.Fatal(err)
	}
	var found [2][][]byte
	for i := range found {
		splits, err := task.Splits(d, names, p.split)
		if err != nil {
			t.Fatal(err)
		}
		if found[i], err = task.Bounds(t.Context(), d, splits, prog, p.reduces); err != nil || len(found[i]) != p.reduces-1 {
			t.Fatalf("%d bounds of %d ranges, %v", len(found[i]), p.reduces, err)
		}
	}
	if !slices.EqualFunc(found[0], found[1], bytes.Equal) || !slices.IsSortedFunc(found[0], bytes.Compare) {
		t.Fatalf("bounds %q and %q", found[0], found[1])
	}
	return func(prog *job.Program) { prog.Bounds = found[0] }
}

// Lines that are longer than what is read of a sample, and a program that crashes
// on what it is given, are no reason to have no order.
func TestOddSamples(t *testing.T) {
	long := strings.Repeat("long", 100_000)
	for name, c := range map[string]struct {
		body string
		edit func(*job.Program)
	}{
		"long lines": {long + "b\n" + long + "a\nz\n" + long, nil},
		"crashes":    {"b\na\n", func(p *job.Program) { p.Map = func(job.Input, *job.Emitter) { panic("no") } }},
	} {
		d := newMemory()
		d.files["in"] = []byte(c.body)
		prog := must(t)(job.Totalsort.Program(nil))
		if c.edit != nil {
			c.edit(&prog)
		}
		splits, err := task.Splits(d, []string{"in"}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		bounds, err := task.Bounds(t.Context(), d, splits, prog, 3)
		if err != nil || len(bounds) != 2 {
			t.Errorf("%s: %d bounds, %v", name, len(bounds), err)
		}
		for _, b := range bounds {
			if len(b) > 256 {
				t.Errorf("%s: a bound of %d bytes", name, len(b))
			}
		}
	}
}
