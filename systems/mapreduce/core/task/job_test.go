package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
)

// plan is a job with everything that must not matter.
type plan struct {
	job, pattern         string
	files                []oracleFile
	combine              bool
	reduces, fanIn       int
	split                int64
	mapMemory, redMemory int64
	skip                 []task.Record
	edit                 func(*job.Program)
}

func (p plan) program() (job.Program, error) {
	j, err := job.Lookup(p.job)
	if err != nil {
		return job.Program{}, err
	}
	args := map[string]string{}
	if p.job == "grep" {
		args["pattern"] = p.pattern
	}
	prog, err := j.Program(args)
	if !p.combine {
		prog = prog.WithoutCombiner()
	}
	if p.edit != nil {
		p.edit(&prog)
	}
	return prog, err
}

// run runs the plan on a disk and returns the outputs and the sum of counters.
func (p plan) run(ctx context.Context, d *memory) (outputs []string, total task.Counters, err error) {
	var names []string
	for _, f := range p.files {
		d.files[f.name] = []byte(f.body)
		names = append(names, f.name)
	}
	splits, err := task.Splits(d, names, p.split)
	if err != nil {
		return nil, total, err
	}
	space := new(task.Workspace)
	for i, s := range splits {
		prog, err := p.program()
		if err != nil {
			return nil, total, err
		}
		m := task.Map{Job: "id", Program: prog, Task: i, Split: s, Reduces: p.reduces, Dir: "tmp", Memory: p.mapMemory, Skip: p.skip, Workspace: space}
		got, err := m.Run(ctx, d)
		if err != nil {
			return nil, total, fmt.Errorf("map %d: %w", i, err)
		}
		if len(got.Runs) != p.reduces || got.Counters.InputBytes != s.Length {
			return nil, total, fmt.Errorf("map %d of %+v reports %+v", i, s, got)
		}
		for _, r := range got.Runs {
			if int64(len(d.files["tmp/"+r.Name])) != r.Bytes {
				return nil, total, fmt.Errorf("run %+v has %d bytes", r, len(d.files["tmp/"+r.Name]))
			}
		}
		total.RunBytes += got.Counters.RunBytes
		total.Pairs += got.Counters.Pairs
		total.Combined += got.Counters.Combined
		total.SpilledRuns += got.Counters.SpilledRuns
		total.Skipped += got.Counters.Skipped
	}
	for r := range p.reduces {
		prog, err := p.program()
		if err != nil {
			return nil, total, err
		}
		red := task.Reduce{Job: "id", Program: prog, Task: r, Out: "out", Scratch: "tmp", Memory: p.redMemory, FanIn: p.fanIn, Skip: p.skip}
		for i := range splits {
			in := task.FileInput(d, i, "tmp/"+task.RunName("id", i, r))
			if i%3 == 1 { // as a stream that comes in small pieces
				data := d.files["tmp/"+task.RunName("id", i, r)]
				in.Open = func(context.Context) (io.ReadCloser, error) {
					return io.NopCloser(&dribble{bytes.NewReader(data)}), nil
				}
			}
			red.Inputs = append(red.Inputs, in)
		}
		got, err := red.Run(ctx, d)
		if err != nil {
			return nil, total, fmt.Errorf("reduce %d: %w", r, err)
		}
		out := string(d.files["out/"+task.OutputName(r)])
		if got.Counters.OutputBytes != int64(len(out)) || got.Counters.OutputLines != int64(strings.Count(out, "\n")) {
			return nil, total, fmt.Errorf("reduce %d reports %+v of %q", r, got.Counters, out)
		}
		outputs = append(outputs, out)
		total.RunBytes -= got.Counters.RunBytes
		total.Keys += got.Counters.Keys
		total.MergePasses += got.Counters.MergePasses
		total.Skipped += got.Counters.Skipped
	}
	return outputs, total, nil
}

// dribble reads a few bytes at a time.
type dribble struct{ r io.Reader }

func (d *dribble) Read(p []byte) (int, error) { return d.r.Read(p[:min(len(p), 700)]) }

var jobPieces = []string{
	"a", "b", "the", "The", "word", "é", "ωmega", "中文", "𐌰𐌱", " ", " ", " ", "\n", "\n", "\r\n", ".", "\xff", "\xc3", "\x00", "averyverylongword", "averyverylongworx", "prefix12", "prefix123",
	strings.Repeat("long", 3000), strings.Repeat("é", 5000), strings.Repeat("some common words ", 200),
}

func drawPlan(t *rapid.T) plan {
	p := plan{
		job:     rapid.SampledFrom(job.Names()).Draw(t, "job"),
		pattern: rapid.SampledFrom([]string{"a", "^the", "中|long", "^$", "."}).Draw(t, "pattern"),
		combine: rapid.Bool().Draw(t, "combine"),
		reduces: rapid.IntRange(1, 5).Draw(t, "reduces"),
		fanIn:   rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "fan in"),
		split:   rapid.SampledFrom([]int64{1, 7, 40, 300, 5000, 1 << 20}).Draw(t, "split"),
		// Below the buffers' own size every key is spilled.
		mapMemory: rapid.SampledFrom([]int64{1, 480 << 10, 0}).Draw(t, "map memory"),
		redMemory: rapid.SampledFrom([]int64{1, 0}).Draw(t, "reduce memory"),
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "files") {
		pieces := rapid.SliceOfN(rapid.SampledFrom(jobPieces), 0, 30).Draw(t, "pieces")
		raw := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "raw")
		p.files = append(p.files, oracleFile{fmt.Sprintf("näme %d", i), strings.Join(pieces, "") + string(raw)})
	}
	return p
}

// Whatever the input, the cuts, the budgets: the same bytes as the oracle's.
func TestJobs(t *testing.T) {
	var spilled, passes int64
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		d := newMemory()
		got, c, err := p.run(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		if want := oracle(p.job, p.pattern, p.files, p.reduces); !slices.Equal(got, want) {
			t.Fatalf("got %.300q, want %.300q", got, want)
		}
		if left := leftovers(d); len(left) > 0 {
			t.Fatalf("left behind: %q", left)
		}
		if d.open != 0 {
			t.Fatalf("%d files are still open", d.open)
		}
		if c.RunBytes != 0 {
			t.Fatalf("map tasks left %d bytes more than reduce tasks say they read", c.RunBytes)
		}
		spilled += c.SpilledRuns
		passes += c.MergePasses
	})
	if spilled == 0 || passes == 0 {
		t.Errorf("%d runs spilled, %d merges between: the test tests too little", spilled, passes)
	}
}

// leftovers are files that are neither input, run nor output.
func leftovers(d *memory) (out []string) {
	for _, name := range d.names("tmp/", "out/", "mr-") {
		if strings.Contains(name, ".tmp") {
			out = append(out, name)
		}
	}
	return out
}

// Wherever the disk fails, the task says so, and leaves nothing behind.
func TestDiskFails(t *testing.T) {
	p := plan{
		job: "wordcount", combine: true, reduces: 2, split: 300, mapMemory: 1, fanIn: 2,
		files: []oracleFile{{"in", strings.Repeat("some words, more words\n", 40)}},
	}
	good := newMemory()
	if _, _, err := p.run(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for at := 1; at <= good.ops; at++ {
		d := newMemory()
		d.fail = at
		_, _, err := p.run(t.Context(), d)
		if !errors.Is(err, errDisk) {
			t.Fatalf("operation %d failed, and the job says %v", at, err)
		}
		if left := leftovers(d); len(left) > 0 {
			t.Fatalf("operation %d failed; left behind: %q", at, left)
		}
		if d.open != 0 {
			t.Fatalf("operation %d failed; %d files are still open", at, d.open)
		}
	}
}

// A cancelled task ends with the context's error, wherever it is.
func TestCancel(t *testing.T) {
	p := plan{
		job: "wordcount", combine: true, reduces: 2, split: 300, mapMemory: 1, fanIn: 2,
		files: []oracleFile{{"in", strings.Repeat("some words, more words\n", 40)}},
	}
	for n := range 40 {
		ctx, cancel := context.WithCancel(t.Context())
		p.edit = func(prog *job.Program) {
			plain := prog.Map
			prog.Map = func(in job.Input, out *job.Emitter) {
				if n--; n < 0 {
					cancel()
				}
				plain(in, out)
			}
			plainReduce := prog.Reduce
			prog.Reduce = func(key []byte, v *job.Values, out *job.Output) {
				if n--; n < 0 {
					cancel()
				}
				plainReduce(key, v, out)
			}
		}
		d := newMemory()
		_, _, err := p.run(ctx, d)
		if n < 0 && !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled, and the job says %v", err)
		}
		if left := leftovers(d); len(left) > 0 || d.open != 0 {
			t.Fatalf("left behind: %q, %d open", left, d.open)
		}
		cancel()
	}
}

// Words larger than any buffer.
func TestLongWords(t *testing.T) {
	for _, n := range []int{300_000, 6_000_000} {
		body := "before " + strings.Repeat("é", n/2) + " after\n" + strings.Repeat("x", n)
		for _, combine := range []bool{true, false} {
			p := plan{job: "wordcount", combine: combine, reduces: 2, split: 1 << 20, mapMemory: 1 << 20, files: []oracleFile{{"in", body}}}
			got, _, err := p.run(t.Context(), newMemory())
			want := []string{"", ""}
			for _, w := range []string{"after", "before", strings.Repeat("x", n), strings.Repeat("é", n/2)} {
				want[job.Partition([]byte(w), 2)] += w + " 1\n"
			}
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d bytes: %v, %.100q", n, err, got)
			}
		}
	}
}
