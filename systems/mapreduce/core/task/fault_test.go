package task_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
)

// Every byte of a run matters: changed, cut off or added, the run is lost.
func TestDamage(t *testing.T) {
	d := newMemory()
	var body strings.Builder
	for i := range 40 {
		body.WriteString(strings.Repeat("w", i) + " some words\n")
	}
	p := plan{job: "wordcount", combine: true, reduces: 1, split: 300, files: []oracleFile{{"in", body.String()}}}
	if _, _, err := p.run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	name := "tmp/" + task.RunName("id", 1, 0)
	good := d.files[name]
	try := func(what string, run []byte) {
		t.Helper()
		d.files[name] = run
		prog, _ := p.program()
		red := task.Reduce{Job: "id", Program: prog, Out: "again", Inputs: []task.Input{
			task.FileInput(d, 0, "tmp/"+task.RunName("id", 0, 0)), task.FileInput(d, 1, name),
		}}
		_, err := red.Run(t.Context(), d)
		if lost := new(task.Lost); !errors.As(err, &lost) || lost.Map != 1 || lost.Offset > int64(len(run)) {
			t.Fatalf("%s: %v", what, err)
		}
		if left := d.names("again/"); len(left) > 0 {
			t.Fatalf("%s: left %q", what, left)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		try("a bit changed", bad)
		try("cut short", good[:i])
	}
	try("longer", append(bytes.Clone(good), 0))
	delete(d.files, name)
	prog, _ := p.program()
	_, err := task.Reduce{Program: prog, Inputs: []task.Input{task.FileInput(d, 7, name)}}.Run(t.Context(), d)
	if lost := new(task.Lost); !errors.As(err, &lost) || lost.Map != 7 {
		t.Fatalf("missing: %v", err)
	}
}

// crashing makes Map panic on lines that hold a word, Reduce on another key.
func crashing(line, key string) func(*job.Program) {
	return func(p *job.Program) {
		plainMap, plainReduce := p.Map, p.Reduce
		p.Map = func(in job.Input, out *job.Emitter) {
			plainMap(in, out) // what was emitted before the crash must not count
			if line != "" && bytes.Contains(in.Block, []byte(line)) {
				panic("cannot digest " + line)
			}
		}
		p.Reduce = func(k []byte, v *job.Values, out *job.Output) {
			plainReduce(k, v, out)
			if key != "" && string(k) == key {
				panic("cannot reduce " + key)
			}
		}
	}
}

// A record that crashes the user's function is named, and the attempt that is
// told to leave it out does, and nothing else.
func TestSkip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plan{
			job: rapid.SampledFrom([]string{"wordcount", "invertedindex", "sort"}).Draw(t, "job"), combine: rapid.Bool().Draw(t, "combine"),
			reduces: 2, split: rapid.SampledFrom([]int64{30, 1 << 20}).Draw(t, "split"),
			edit: crashing("poison", "bitter"),
		}
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a good line\n", "some poison here\n", "poison\n", "more\n", "\n"}), 0, 20).Draw(t, "lines")
		last := rapid.SampledFrom([]string{"", "poison", "end"}).Draw(t, "last")
		p.files = []oracleFile{{"in", strings.Join(lines, "") + "bitter\n" + last}}
		var good []string
		poisoned := int64(0)
		for _, l := range append(lines, last) {
			if strings.Contains(l, "poison") {
				poisoned++
			} else {
				good = append(good, l)
			}
		}
		want := oracle(p.job, "", []oracleFile{{"in", strings.Join(good, "")}}, 2)
		for range 50 {
			d := newMemory()
			got, c, err := p.run(t.Context(), d)
			var crash *task.Crash
			if errors.As(err, &crash) && crash.Skippable() {
				p.skip = append(p.skip, crash.Record)
				continue
			}
			if err != nil || !slices.Equal(got, want) || c.Skipped != poisoned+1 {
				t.Fatalf("%v, %d skipped, want %d; got %q, want %q", err, c.Skipped, poisoned+1, got, want)
			}
			return
		}
		t.Fatal("crashes without end")
	})
}

// A function that crashes on no record alone cannot be helped by skipping.
func TestCrashWithoutRecord(t *testing.T) {
	p := plan{job: "wordcount", combine: true, reduces: 1, split: 1 << 20, files: []oracleFile{{"in", "a a\n"}}}
	p.edit = func(prog *job.Program) { prog.Combine = func(uint64, uint64) uint64 { panic("no") } }
	_, _, err := p.run(t.Context(), newMemory())
	if crash := new(task.Crash); !errors.As(err, &crash) || crash.Skippable() || crash.Stack == "" {
		t.Fatalf("%v", err)
	}
}

// The check must be able to fail: each of these breaks a job on purpose.
func TestMutants(t *testing.T) {
	files := []oracleFile{{"x", strings.Repeat("one two two\nthree three three\n", 20)}, {"y", "two three\nfour"}}
	for name, c := range map[string]struct {
		job  string
		edit func(*job.Program)
	}{
		"combiner loses one":   {"wordcount", func(p *job.Program) { p.Combine = func(a, _ uint64) uint64 { return a } }},
		"combiner counts more": {"wordcount", func(p *job.Program) { p.Combine = func(a, b uint64) uint64 { return a + b + 1 } }},
		"map stops at a line": {"wordcount", func(p *job.Program) {
			plain := p.Map
			p.Map = func(in job.Input, out *job.Emitter) {
				in.Block = in.Block[:bytes.IndexByte(in.Block, '\n')+1]
				plain(in, out)
			}
		}},
		"map folds case": {"invertedindex", func(p *job.Program) {
			plain := p.Map
			p.Map = func(in job.Input, out *job.Emitter) {
				in.Block = bytes.ToUpper(in.Block)
				plain(in, out)
			}
		}},
		"union forgets": {"invertedindex", func(p *job.Program) {
			p.CombineText, p.Idempotent = func(_, _, b []byte) []byte { return b[:1] }, false
		}},
		"reduce reads one value": {"wordcount", func(p *job.Program) {
			p.Combine = nil
			p.Reduce = func(k []byte, v *job.Values, out *job.Output) {
				n, _ := v.Number()
				out.Number(k, n)
			}
		}},
		"reduce drops a key": {"sort", func(p *job.Program) {
			plain := p.Reduce
			p.Reduce = func(k []byte, v *job.Values, out *job.Output) {
				if string(k) != "four" {
					plain(k, v, out)
				}
			}
		}},
	} {
		p := plan{job: c.job, combine: true, reduces: 3, split: 100, files: files, edit: c.edit}
		got, _, err := p.run(t.Context(), newMemory())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := oracle(p.job, "", p.files, p.reduces)
		if name == "union forgets" {
			// One file's list is one letter long, so nothing is forgotten: the
			// names must be longer than that.
			p.files[0].name, p.files[1].name = "xx", "xy"
			got, _, err = p.run(t.Context(), newMemory())
			want = oracle(p.job, "", p.files, p.reduces)
		}
		if err != nil || slices.Equal(got, want) {
			t.Errorf("%s: not noticed (%v)", name, err)
		}
	}
}

func TestSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newMemory()
		var names []string
		var sizes []int64
		for i := range rapid.IntRange(1, 4).Draw(t, "files") {
			name := strings.Repeat("f", i+1)
			body := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"\n", "line\n", "a longer line than that\n", strings.Repeat("x", 5000)}), 0, 30).Draw(t, "body"), "")
			d.files[name] = []byte(body)
			names, sizes = append(names, name), append(sizes, int64(len(body)))
		}
		size := rapid.Int64Range(1, 3000).Draw(t, "size")
		splits, err := task.Splits(d, names, size)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for i, name := range names {
			end := int64(0)
			for first := true; at < len(splits) && splits[at].File == name; at, first = at+1, false {
				s := splits[at]
				if s.Offset != end || (s.Length == 0 && !first) {
					t.Fatalf("%+v follows byte %d", s, end)
				}
				end += s.Length
				if end < sizes[i] && d.files[name][end-1] != '\n' {
					t.Fatalf("%+v does not end with a line", s)
				}
				// No line that begins beyond the size is taken along.
				if part := d.files[name][s.Offset:end]; s.Length > size && bytes.IndexByte(part[size-1:], '\n') < len(part[size-1:])-1 && bytes.IndexByte(part[size-1:], '\n') >= 0 {
					t.Fatalf("%+v is longer than need be", s)
				}
			}
			if end != sizes[i] {
				t.Fatalf("%s: %d of %d bytes", name, end, sizes[i])
			}
		}
		maps := rapid.IntRange(1, 50).Draw(t, "maps")
		if n := task.SplitBytesFor(sizes, maps); n < 1 {
			t.Fatalf("split size %d", n)
		}
	})
	if got := task.SplitBytesFor([]int64{1000, 1000, 0}, 10); got < 200 || got > 260 {
		t.Errorf("two files of 1000 bytes as 10 tasks: split size %d", got)
	}
	if _, err := task.Splits(newMemory(), []string{"absent"}, 1); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent file: %v", err)
	}
}
