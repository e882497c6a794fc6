package mapreduce_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// command is "dyno mapreduce …" as a process of its own, in a folder.
type command struct {
	*exec.Cmd
	out, err bytes.Buffer
}

func dyno(t *testing.T, dir string, args ...string) *command {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &command{Cmd: exec.CommandContext(t.Context(), exe, append([]string{"mapreduce"}, args...)...)}
	c.Dir, c.Stdout, c.Stderr = dir, &c.out, &c.err
	return c
}

// code runs or awaits the command and returns its exit status.
func (c *command) code(t *testing.T) int {
	t.Helper()
	var err error
	if c.Process == nil {
		err = c.Run()
	} else {
		err = c.Wait()
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// report is what run --json prints, as far as tests look at it.
type report struct {
	Maps, Reduces, Attempts, Reruns, Backups int
	Skipped                                  int `json:"skipped_records"`
	Resumed                                  int `json:"resumed_tasks"`
	Lost                                     int `json:"workers_lost"`
}

// must runs a command that is to succeed, with --json.
func must(t *testing.T, dir string, args ...string) (r report) {
	t.Helper()
	c := dyno(t, dir, append(args, "--json")...)
	return c.report(t)
}

func (c *command) report(t *testing.T) (r report) {
	t.Helper()
	if code := c.code(t); code != 0 {
		t.Fatalf("exit status %d: %s", code, c.err.String())
	}
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, c.out.String())
	}
	return r
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// outputs reads mr-out-0 … of a folder and sees to it that nothing else is there.
func outputs(t *testing.T, dir string, reduces int) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for x := range reduces {
		data, err := os.ReadFile(filepath.Join(dir, "mr-out-"+strconv.Itoa(x)))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(data), "\n")
		all = append(all, lines[:len(lines)-1]...)
	}
	if len(entries) != reduces {
		t.Errorf("the output folder holds %v, want mr-out-0 to mr-out-%d", entries, reduces-1)
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// The files that people have: empty, of odd names, not UTF-8, with a huge word.
func TestRunCountsWhatPlainLoopsCount(t *testing.T) {
	dir := t.TempDir()
	texts := map[string]string{
		"empty":           "",
		"mit leer ü.txt":  "Der Käse, der Käse! ΑΒΓ δ 漢字かな x2y\n",
		"bytes":           "a\xffb\xc3\x28c caf\xc3\xa9 \xe2\x82\x00 z" + strings.Repeat("é", 3),
		"huge":            strings.Repeat("w", 300_000) + " end",
		"lines":           strings.Repeat("one two three\nfour five\n", 2000),
		"-starts-with-":   "dash one",
		"no-line-feed-at": "end",
	}
	var files []string
	counts, places := map[string]int{}, map[string][]string{}
	for name, content := range texts {
		files = append(files, write(t, dir, name, content))
		for w := range strings.FieldsFuncSeq(content, func(r rune) bool { return !unicode.IsLetter(r) }) {
			counts[w]++
			if !slices.Contains(places[w], name) {
				places[w] = append(places[w], name)
			}
		}
	}
	var wantCounts, wantIndex []string
	for w, n := range counts {
		wantCounts = append(wantCounts, fmt.Sprintf("%s %d\n", w, n))
		slices.Sort(places[w])
		wantIndex = append(wantIndex, w+" "+strings.Join(places[w], ",")+"\n")
	}
	slices.Sort(wantCounts)
	slices.Sort(wantIndex)
	args := append([]string{"run", "--reduces", "5", "--workers", "3", "--split-size", "16KiB", "--out", "counts", "--", "wordcount"}, files...)
	if c := dyno(t, dir, args...); c.code(t) != 0 {
		t.Fatal(c.err.String())
	} else if !strings.Contains(c.err.String(), "reduce 5/5") || !strings.Contains(c.out.String(), "5 tasks") {
		t.Errorf("no progress or no summary: %s%s", c.err.String(), c.out.String())
	}
	if got, want := outputs(t, filepath.Join(dir, "counts"), 5), strings.Join(wantCounts, ""); got != want {
		t.Errorf("counts are\n%.2000s\nwant\n%.2000s", got, want)
	}
	args = append([]string{"run", "--reduces", "3", "--shuffle", "stream", "--out", "index", "--", "invertedindex"}, files...)
	if c := dyno(t, dir, args...); c.code(t) != 0 {
		t.Fatal(c.err.String())
	}
	if got, want := outputs(t, filepath.Join(dir, "index"), 3), strings.Join(wantIndex, ""); got != want {
		t.Errorf("the index is\n%.2000s\nwant\n%.2000s", got, want)
	}
	nothingLeft(t, dir)
}

// Mistakes are told before anything starts, with exit status 2.
func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	in := write(t, dir, "in", "words")
	write(t, dir, "a,b", "words")
	for _, d := range []string{"folder", "full"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "full/thing", "precious")
	for _, c := range []struct {
		args string
		say  string
	}{
		{"", "which job"},
		{"wordcuont " + in, "wordcount"},
		{"wordcount", "input files"},
		{"wordcount missing", "missing: no such file"},
		{"wordcount folder", "is a folder"},
		{"wordcount --reduces 0 " + in, `--reduces: "0"`},
		{"wordcount --reduces -1 " + in, `--reduces: "-1"`},
		{"wordcount --workers -1 " + in, "--workers -1"},
		{"wordcount --workers 101 " + in, "--workers 101"},
		{"wordcount --split-size 0 " + in, "split-size"},
		{"wordcount --memory lots " + in, "memory"},
		{"wordcount --shuffle carrier-pigeon " + in, "shuffle"},
		{"wordcount --out full " + in, "not empty"},
		{"wordcount --out full --resume " + in, "nothing to resume"},
		{"wordcount --force --resume " + in, "give one"},
		{"wordcount --pattern x " + in, "no such argument"},
		{"grep " + in, "--pattern"},
		{"grep --pattern ( " + in, "pattern"},
		{"invertedindex a,b", "comma"},
	} {
		t.Run(c.args, func(t *testing.T) {
			cmd := dyno(t, dir, append([]string{"run"}, strings.Fields(c.args)...)...)
			if code := cmd.code(t); code != 2 || !strings.Contains(cmd.err.String(), c.say) || strings.Count(cmd.err.String(), "\n") != 1 {
				t.Errorf("exit status %d, %q; want 2 and one line with %q", code, cmd.err.String(), c.say)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "mr-out")); err == nil {
		t.Error("a refused run made its output folder")
	}
}

// --force replaces what is there, also what the new job has no output for.
func TestRunForce(t *testing.T) {
	dir := t.TempDir()
	in := write(t, dir, "in", "a b c d e f")
	must(t, dir, "run", "wordcount", "--reduces", "4", "--out", "o", in)
	must(t, dir, "run", "wordcount", "--reduces", "2", "--out", "o", "--force", in)
	if got := outputs(t, filepath.Join(dir, "o"), 2); got != "a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n" {
		t.Error(got)
	}
}

// Records that crash the job's function twice are skipped and counted; a
// function that always crashes fails the job, with its reason.
func TestCrashes(t *testing.T) {
	dir := t.TempDir()
	in := write(t, dir, "in", "fine\nboom 1\nfine\nboom 2\nalso fine\n")
	if r := must(t, dir, "run", "boom", "--out", "o", in); r.Skipped != 2 {
		t.Errorf("%d records were skipped, want 2", r.Skipped)
	}
	if got := outputs(t, filepath.Join(dir, "o"), 1); got != "also fine 1\nfine 2\n" {
		t.Errorf("output %q", got)
	}
	long := write(t, dir, "long", strings.Repeat("line\n", 300))
	c := dyno(t, dir, "run", "broken", "--out", "never", long)
	if code := c.code(t); code != 1 || !strings.Contains(c.err.String(), "dyno: the job failed: map 0 crashed") || !strings.Contains(c.err.String(), "it never works") {
		t.Errorf("exit status %d, %s; want 1 and the reason", code, c.err.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
		t.Error("a job that failed left its output folder behind")
	}
	nothingLeft(t, dir)
}

// running are the processes whose command line names a folder.
func running(t *testing.T, what, dir string) (pids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte(dir)) || !bytes.Contains(line, []byte("mapreduce\x00"+what)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// await polls until something is so; the test's own deadline is the bound.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	await(t, "no process is left", func() bool { return len(running(t, "", dir)) == 0 })
}

func kill(t *testing.T, s syscall.Signal, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
}
