package trial

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dyno/internal/record"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
)

const oracleText = "the cat and the dog\nthe end é\n"

func oracleExpectation(t *testing.T) *expectation {
	t.Helper()
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte(oracleText), 0o666); err != nil {
		t.Fatal(err)
	}
	e, err := sequential("wordcount", nil, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Each way in which an output can be wrong is noticed, by the check that is
// there for it.
func TestOutputMutants(t *testing.T) {
	e := oracleExpectation(t)
	right := [2]string{"and 1\ndog 1\nthe 3\n", "cat 1\nend 1\né 1\n"}
	for name, c := range map[string]struct {
		files [2]string
		fails []string
	}{
		"right":             {right, nil},
		"a wrong count":     {[2]string{"and 1\ndog 1\nthe 2\n", right[1]}, []string{"output-equals-sequential", "sum-of-counts"}},
		"a missing line":    {[2]string{"and 1\nthe 3\n", right[1]}, []string{"all-lines", "sum-of-counts"}},
		"an empty file":     {[2]string{"", right[1]}, []string{"all-lines", "sum-of-counts"}},
		"a line twice":      {[2]string{"and 1\nand 1\ndog 1\nthe 3\n", right[1]}, []string{"output-equals-sequential", "keys-sorted", "all-lines", "sum-of-counts"}},
		"a key split":       {[2]string{"and 1\ndog 1\nthe 2\n", "cat 1\nend 1\nthe 1\né 1\n"}, []string{"output-equals-sequential", "key-in-one-file", "all-lines"}},
		"out of order":      {[2]string{"dog 1\nand 1\nthe 3\n", right[1]}, []string{"keys-sorted"}},
		"counts exchanged":  {[2]string{"and 3\ndog 1\nthe 1\n", right[1]}, []string{"output-equals-sequential"}},
		"a word cut in two": {[2]string{"an 1\nd 1\ndog 1\nthe 3\n", right[1]}, []string{"output-equals-sequential", "all-lines", "sum-of-counts"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for x, content := range c.files {
				if err := os.WriteFile(config.Layout{Out: dir}.Output(x), []byte(content), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			checks, _, err := e.check("wordcount", dir, 2)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, check := range checks {
				if check.Status != record.Valid {
					failed = append(failed, check.Name)
				}
			}
			if !slices.Equal(failed, c.fails) {
				t.Errorf("failed: %q, want %q", failed, c.fails)
			}
		})
	}
}

func TestOutputThatIsCutOrGone(t *testing.T) {
	e, dir := oracleExpectation(t), t.TempDir()
	if _, _, err := e.check("wordcount", dir, 1); err == nil {
		t.Error("an output that is not there was not missed")
	}
	if err := os.WriteFile(config.Layout{Out: dir}.Output(0), []byte("and 1\ndo"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.check("wordcount", dir, 1); err == nil {
		t.Error("a line that is cut was not noticed")
	}
}

// A totally ordered sort is in order over all files, and holds every line as
// often as the input does.
func TestOrderMutants(t *testing.T) {
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte("b\na\nc\na\nd\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	e, err := sequential("totalsort", nil, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ first, second, fails string }{
		"right":               {"a\na\n", "b\nc\nd\n", ""},
		"an empty range":      {"", "a\na\nb\nc\nd\n", ""},
		"ranges exchanged":    {"b\nc\nd\n", "a\na\n", "sorted-over-all-files"},
		"by hash":             {"a\na\nc\n", "b\nd\n", "sorted-over-all-files"},
		"out of order within": {"a\na\n", "b\nd\nc\n", "sorted-over-all-files"},
		"a line less":         {"a\n", "b\nc\nd\n", "all-lines"},
		"a line for another":  {"a\n", "b\nb\nc\nd\n", "output-equals-sequential"},
	} {
		dir := t.TempDir()
		for x, content := range []string{c.first, c.second} {
			if err := os.WriteFile(config.Layout{Out: dir}.Output(x), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		checks, _, err := e.check("totalsort", dir, 2)
		if err != nil {
			t.Fatal(err)
		}
		var failed []string
		for _, check := range checks {
			if check.Status != record.Valid {
				failed = append(failed, check.Name)
			}
		}
		if got := strings.Join(failed, ","); got != c.fails {
			t.Errorf("%s: caught by %q, want %q", what, got, c.fails)
		}
	}
}

// Counters that do not agree with the input or with each other are noticed.
func TestCounterMutants(t *testing.T) {
	e := oracleExpectation(t)
	summary := func(mutate func(*mapreducev1.Summary)) *outcome {
		s := &mapreducev1.Summary{
			Counters:    &mapreducev1.Counters{Pairs: 8, OutputLines: 6, RunBytes: 30},
			ReduceBytes: []int64{10, 20},
		}
		mutate(s)
		return &outcome{summary: s}
	}
	for name, c := range map[string]struct {
		mutate func(*mapreducev1.Summary)
		want   record.Status
	}{
		"right":          {func(*mapreducev1.Summary) {}, record.Valid},
		"a pair lost":    {func(s *mapreducev1.Summary) { s.Counters.Pairs-- }, record.Invalid},
		"a line more":    {func(s *mapreducev1.Summary) { s.Counters.OutputLines++ }, record.Invalid},
		"a skip":         {func(s *mapreducev1.Summary) { s.Counters.Skipped++ }, record.Invalid},
		"a run unread":   {func(s *mapreducev1.Summary) { s.ReduceBytes[0] = 0 }, record.Invalid},
		"nothing at all": {func(s *mapreducev1.Summary) { s.Reset() }, record.Invalid},
	} {
		if got := summary(c.mutate).books(e); got.Status != c.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Status, got.Detail, c.want)
		}
	}
}

// The oracle on inputs whose answers a person can see.
func TestSequential(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, content := range map[string]string{"a": "x y x\n", "b": "y\xffz\nx"} {
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(files)
	for job, want := range map[string][]string{
		"wordcount":     {"x 3", "y 2", "z 1"},
		"invertedindex": {"x " + strings.Join(files, ","), "y " + strings.Join(files, ","), "z " + files[1]},
		"sort":          {"x", "x y x", "y\xffz"},
		"totalsort":     {"x", "x y x", "y\xffz"},
		"grep":          {"x", "x y x"},
	} {
		e, err := sequential(job, map[string]string{"pattern": "x"}, files)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range e.lines {
			got = append(got, line)
		}
		if slices.Sort(got); !slices.Equal(got, want) || int(e.total) != len(want) {
			t.Errorf("%s: %q, want %q", job, got, want)
		}
	}
	if _, err := sequential("unheard of", nil, files); err == nil {
		t.Error("a job that nobody wrote down has an expectation")
	}
}
