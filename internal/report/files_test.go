package report_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dyno/internal/report"
)

func TestWriteAndStale(t *testing.T) {
	dir := synthetic(t)
	files := build(t, load(t, dir), sections()...)
	if got := report.Stale(dir, files); len(got) != len(files) || got[0] != "REPORT.md: is missing" {
		t.Errorf("before the first write: %q", got)
	}
	if err := report.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	if got := report.Stale(dir, files); len(got) != 0 {
		t.Errorf("after a write: %q", got)
	}

	write(t, filepath.Join(dir, "REPORT.md"), []byte("by hand"))
	write(t, filepath.Join(dir, "plots/lb-policies-gone.png"), []byte("old"))
	write(t, filepath.Join(dir, "plots/holiday.png"), []byte("mine"))
	write(t, filepath.Join(dir, "results/diary.txt"), []byte("mine"))
	write(t, filepath.Join(dir, "plots/notes.md"), []byte("mine"))
	if err := os.Remove(filepath.Join(dir, "plots/lb-policies-p99.png")); err != nil {
		t.Fatal(err)
	}
	const foreign = "belongs to no result; remove it, or keep it elsewhere"
	want := []string{"REPORT.md: differs", "plots/lb-policies-p99.png: is missing", "plots/holiday.png: " + foreign, "plots/lb-policies-gone.png: " + foreign, "results/diary.txt: " + foreign}
	if got := report.Stale(dir, files); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := report.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	if got := report.Stale(dir, files); !slices.Equal(got, []string{"plots/holiday.png: " + foreign, "results/diary.txt: " + foreign}) {
		t.Errorf("after a second write: %q", got)
	}
	for _, path := range []string{"plots/notes.md", "plots/holiday.png", "results/diary.txt", "results/lb-policies/run.json", "results/lb-policies/trials.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Errorf("%s was removed", path)
		}
	}
}

func TestResultsThatChangedMakeStale(t *testing.T) {
	dir := synthetic(t)
	if err := report.Write(dir, build(t, load(t, dir), sections()...)); err != nil {
		t.Fatal(err)
	}
	store(t, dir, lbRun(), lbTrials()[:39])
	if got := report.Stale(dir, build(t, load(t, dir), sections()...)); !slices.Contains(got, "REPORT.md: differs") || !slices.Contains(got, "results/lb-policies.txt: differs") {
		t.Errorf("one trial less, and only %q are stale", got)
	}
}

func TestRightFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	files := report.Files{"a/b.txt": []byte("x")}
	if err := report.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, "a/b.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(dir, "a/b.txt"))
	if err != nil || !os.SameFile(before, after) {
		t.Error("a file that was right was replaced")
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "a")); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "plots"), []byte("a file where a folder should be"))
	if err := report.Write(dir, report.Files{"plots/a.png": nil}); err == nil {
		t.Error("no error")
	}
}
