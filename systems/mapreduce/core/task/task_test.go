package task_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
)

// A whole job, one task after the other, over files of the real disk.
func TestWholeJob(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "The quick brown fox\nthe lazy dog, the end.\n\xff\xfeb\xffd Ω ωmega\nno line feed"
	for name, body := range map[string]string{"a b.txt": text, "é.txt": "dog fox\n", "empty": ""} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"a b.txt", "empty", "é.txt"}
	splits, err := task.Splits(disk.Disk{}, files, 30)
	if err != nil {
		t.Fatal(err)
	}
	const reduces = 3
	p := must(t)(job.Wordcount.Program(nil))
	for m, s := range splits {
		got, err := task.Map{Job: "j", Program: p, Task: m, Split: s, Reduces: reduces}.Run(t.Context(), disk.Disk{})
		if err != nil || len(got.Runs) != reduces {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	var all []string
	for r := range reduces {
		red := task.Reduce{Job: "j", Program: p, Task: r}
		for m := range splits {
			red.Inputs = append(red.Inputs, task.FileInput(disk.Disk{}, m, task.RunName("j", m, r)))
		}
		if _, err := red.Run(t.Context(), disk.Disk{}); err != nil {
			t.Fatal(err)
		}
		out, err := os.ReadFile(task.OutputName(r))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.SplitAfter(string(out), "\n")...)
	}
	counts := map[string]int{}
	for _, w := range strings.FieldsFunc(text+"\ndog fox", func(r rune) bool { return !unicode.IsLetter(r) }) {
		counts[w]++
	}
	var want []string
	for w, n := range counts {
		want = append(want, fmt.Sprintf("%s %d\n", w, n))
	}
	slices.Sort(all)
	slices.Sort(want)
	if got := slices.DeleteFunc(all, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if left, _ := filepath.Glob("*.tmp*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func must(t *testing.T) func(job.Program, error) job.Program {
	return func(p job.Program, err error) job.Program {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}
