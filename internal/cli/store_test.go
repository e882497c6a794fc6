package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dyno/internal/record"
)

// kept is a folder with the six trials of an experiment file.
func kept(t *testing.T) (file, out string) {
	t.Helper()
	dir := t.TempDir()
	file, out = filepath.Join(dir, "keep.yaml"), filepath.Join(dir, "out")
	text := strings.NewReplacer("echo-small", "keep", "[1, 4]", "[1, 2, 4]").Replace(echoFile)
	write(t, file, text)
	code, stdout, errOut := dyno(t, "run", file, "--out", out, "--yardsticks=false")
	proven(t, stdout)
	if code != 0 || !strings.Contains(stdout, "(ran 6, reused 0)") {
		t.Fatalf("exit %d %s %s", code, stdout, errOut)
	}
	return file, out
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func trialsOf(out string) string { return filepath.Join(out, "results", "keep", "trials.jsonl") }

// Six trials are still there, and drawn, when one asks for one of them; words
// that change are redrawn, and nothing is measured.
func TestNothingMeasuredIsThrownAway(t *testing.T) {
	t.Parallel()
	file, out := kept(t)
	before := read(t, trialsOf(out))
	code, stdout, errOut := dyno(t, "run", file, "--out", out, "--yardsticks=false", "--blocks", "1", "--only", "clients=1")
	if code != 0 || !strings.Contains(stdout, "1 trials: 1 valid") || !strings.Contains(stdout, "(ran 0, reused 1)") {
		t.Errorf("one of six: exit %d %s %s", code, stdout, errOut)
	}
	write(t, file, strings.NewReplacer("question: Does", "question: Do or does", "Throughput over clients", "Another title", "kind: bars", "kind: lines").Replace(read(t, file)))
	code, stdout, errOut = dyno(t, "run", file, "--out", out, "--yardsticks=false")
	if code != 0 || !strings.Contains(stdout, "(ran 0, reused 6)") {
		t.Errorf("reworded: exit %d %s %s", code, stdout, errOut)
	}
	if read(t, trialsOf(out)) != before {
		t.Error("trials.jsonl was changed")
	}
	for _, want := range []string{"Do or does the frame", "![Another title]", "6 trials of 1 experiment"} {
		if md := read(t, filepath.Join(out, "REPORT.md")); !strings.Contains(md, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if code, _, errOut := dyno(t, "report", "--check", "--out", out); code != 0 {
		t.Errorf("report --check: exit %d %s", code, errOut)
	}
	if code, stdout, _ := dyno(t, "run", file, "--out", out, "--yardsticks=false", "--blocks", "1", "--only", "clients=1", "--fresh"); code == 0 && !strings.Contains(stdout, "(ran 1, reused 0)") {
		t.Errorf("--fresh: %s", stdout)
	}
}

// Trials of another build stay in the file, are told of, and drawn when that is
// asked for.
func TestAnotherBuild(t *testing.T) {
	t.Parallel()
	file, out := kept(t)
	run := filepath.Join(out, "results", "keep", "run.json")
	old := new(record.Run)
	if err := json.Unmarshal([]byte(read(t, run)), old); err != nil {
		t.Fatal(err)
	}
	chain, err := record.ReadChain("keep", old.Sealed, strings.NewReader(read(t, trialsOf(out))))
	if err != nil {
		t.Fatal(err)
	}
	old.Sealed, old.Binary = record.NewHead("keep"), "older"
	var lines []byte
	for _, tr := range chain.Trials {
		tr.Binary = old.Binary
		line, head, err := old.Sealed.Add(tr)
		if err != nil {
			t.Fatal(err)
		}
		lines, old.Sealed = append(lines, line...), head
	}
	text, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	write(t, trialsOf(out), string(lines))
	write(t, run, string(text))
	code, stdout, errOut := dyno(t, "run", file, "--out", out, "--yardsticks=false", "--only", "clients=1")
	proven(t, stdout)
	const aside = "keep: 6 of another build: not drawn; report --mixed draws them where this build has none, run --fresh replaces them"
	if code != 0 || !strings.Contains(stdout, "(ran 2, reused 0)") || !strings.Contains(stdout, aside) {
		t.Fatalf("exit %d %s %s", code, stdout, errOut)
	}
	if now := read(t, trialsOf(out)); !strings.HasPrefix(now, string(lines)) || strings.Count(now, "\n") != 8 {
		t.Error("the trials of the other build are not what they were")
	}
	if code, _, errOut := dyno(t, "replay", "keep-b01-c001.2", "--out", out); code != 0 {
		t.Errorf("replay: exit %d %s", code, errOut)
	}
	for flag, want := range map[string]string{"--mixed=false": "2 trials of 1 experiment", "--mixed": "6 trials of 1 experiment"} {
		code, stdout, errOut := dyno(t, "report", flag, "--out", out)
		if md := read(t, filepath.Join(out, "REPORT.md")); code != 0 || !strings.Contains(md, want) || !strings.Contains(stdout, "of another build") {
			t.Errorf("report %s: exit %d %s %s; the report should count %s", flag, code, stdout, errOut, want)
		}
	}
}

// dyno report finds what was changed in a file of trials, and says where.
func TestReportFindsWhatWasChanged(t *testing.T) {
	t.Parallel()
	_, out := kept(t)
	whole := read(t, trialsOf(out))
	lines := strings.SplitAfter(whole, "\n")[:6]
	number := regexp.MustCompile(`"throughput_rps":[0-9]+`)
	cell := regexp.MustCompile(`"clients":"[0-9]+"`)
	edited := func(i int, pattern *regexp.Regexp, now string) string {
		changed := append([]string(nil), lines...)
		changed[i] = pattern.ReplaceAllLiteralString(changed[i], now)
		return strings.Join(changed, "")
	}
	for want, text := range map[string]string{
		"trials.jsonl:3: the content":                  edited(2, number, `"throughput_rps":9`),
		"trials.jsonl:2: the content":                  edited(1, cell, `"clients":"7"`),
		"trials.jsonl:4: does not follow":              strings.Join(append(append([]string(nil), lines[:3]...), lines[4:]...), ""),
		"trials.jsonl:6: run.json counts 6":            strings.Join(lines[:5], ""),
		"trials.jsonl:1: does not follow the line bef": lines[1] + lines[0] + strings.Join(lines[2:], ""),
	} {
		write(t, trialsOf(out), text)
		for _, args := range [][]string{{"report"}, {"report", "--check"}} {
			if code, _, errOut := dyno(t, append(args, "--out", out)...); code != 1 || !strings.Contains(errOut, want) {
				t.Errorf("%q: exit %d %s; want 1 and %q", args, code, errOut, want)
			}
		}
		if md := read(t, filepath.Join(out, "REPORT.md")); !strings.Contains(md, "**The seal is broken:** results/keep/"+want) {
			t.Errorf("the report does not say %s", want)
		}
	}
	// Nothing was lost with these: said, and no more.
	for want, text := range map[string]string{
		"trials.jsonl:3: not a trial":                      strings.Join(lines[:2], "") + "garbage\n" + strings.Join(lines[2:], ""),
		"trials.jsonl:7: the last line is cut short (a cr": whole + lines[0][:99],
	} {
		write(t, trialsOf(out), text)
		if code, _, errOut := dyno(t, "report", "--out", out); code != 0 || !strings.Contains(errOut, want) {
			t.Errorf("exit %d %s; want 0 and %q", code, errOut, want)
		}
	}
}

// The second run in a folder is refused in one line; a report of what is there
// so far is not.
func TestOneRunPerFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "keep.yaml"), filepath.Join(dir, "out")
	write(t, file, strings.Replace(echoFile, "echo-small", "keep", 1))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	first := exec.Command(exe, "run", file, "--out", out, "--yardsticks=false", "--blocks", "100")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "a trial is stored", func() bool {
		text, err := os.ReadFile(trialsOf(out))
		return err == nil && bytes.Contains(text, []byte("\n"))
	})
	for _, args := range [][]string{{"run", file, "--yardsticks=false"}, {"run", file, "--fresh"}} {
		code, stdout, errOut := dyno(t, append(args, "--out", out)...)
		if want := fmt.Sprintf("dyno: another run writes here (pid %d): %s;", first.Process.Pid, out); code != 1 || stdout != "" || strings.Count(errOut, "\n") != 1 || !strings.HasPrefix(errOut, want) {
			t.Errorf("%q: exit %d %q %q, want %q", args, code, stdout, errOut, want)
		}
	}
	if code, _, errOut := dyno(t, "report", "--out", out); code != 0 {
		t.Errorf("a report meanwhile: exit %d %s", code, errOut)
	}
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); first.ProcessState.ExitCode() != 130 {
		t.Errorf("the first run: %v", err)
	}
	if code, stdout, errOut := dyno(t, "run", file, "--out", out, "--yardsticks=false", "--blocks", "1"); code == 2 || errOut == "" || stdout == "" {
		t.Errorf("afterwards: exit %d %s", code, errOut)
	}
}

// What a report says under "how to reproduce" works as it stands there, for
// one's own file and folder, whatever they are called.
func TestReproduceAsPasted(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"my files", "out"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, "my files/keep.yaml", strings.Replace(echoFile, "echo-small", "keep", 1))
	code, stdout, errOut := dyno(t, "run", "my files/keep.yaml", "--out", "out/it's here", "--yardsticks=false")
	proven(t, stdout)
	if code != 0 {
		t.Fatalf("exit %d %s", code, errOut)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(
		read(t, "out/it's here/REPORT.md")+read(t, "out/it's here/results/keep/README.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of commands; want that of all and that of the experiment", len(blocks))
	}
	ran := 0
	for _, b := range blocks {
		for line := range strings.Lines(b[1]) {
			args := shellWords(t, line)
			switch args[0] {
			case "dyno":
				ran++
				code, stdout, errOut := dyno(t, args[1:]...)
				if code != 0 || args[1] == "run" && !strings.Contains(stdout, "(ran 0, reused 4)") {
					t.Errorf("%sexit %d %s %s", line, code, stdout, errOut)
				}
			case "benchstat":
				if _, err := os.Stat(args[len(args)-1]); err != nil {
					t.Errorf("%s%v", line, err)
				}
			default:
				t.Errorf("an unknown command: %s", line)
			}
		}
	}
	if ran != 6 {
		t.Errorf("%d commands of dyno, want 6", ran)
	}
}

// shellWords has a shell take a line apart.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	text, err := exec.Command("sh", "-c", "printf '%s\\n' "+line).Output()
	if err != nil {
		t.Fatal(errors.Join(err, errors.New(line)))
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// Where the disk is full while the report is drawn, the run says what came out, that
// it is stored, and the command that draws it, which does.
func TestNoRoomForTheReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "keep.yaml"), filepath.Join(dir, "out")
	write(t, file, strings.ReplaceAll(echoFile, "echo-small", "keep"))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Less than the picture takes, more than a trial, in blocks of 512 bytes.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -f 24; exec "$@"`, "sh", exe,
		"run", file, "--out", out, "--yardsticks=false", "--blocks", "1", "--only", "clients=4")
	said, err := cmd.CombinedOutput()
	again := "report --out " + out
	if cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("exit %v\n%s", err, said)
	}
	for _, want := range []string{"1 trials: 1 valid", "the report could not be drawn", "file too large", filepath.Join(out, "results"), "dyno " + again} {
		if !strings.Contains(string(said), want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if code, _, errOut := dyno(t, strings.Fields(again)...); code != 0 {
		t.Errorf("dyno %s: exit %d %s", again, code, errOut)
	}
	if read(t, filepath.Join(out, "REPORT.md")) == "" {
		t.Error("nothing is drawn")
	}
}
