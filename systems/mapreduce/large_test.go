package mapreduce

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/mapreduce/text"
)

// largeEnv says how many megabytes the large input has. It takes twice that of
// disk, about as much memory for the sequential run beside it, and minutes:
// make soak sets it.
const largeEnv = "DYNO_LARGE_MB"

// An input larger than all budgets together, half of it with millions of
// words that differ: the counts are right, and no process holds more than
// the target says.
func TestLargeInput(t *testing.T) {
	mb, err := strconv.Atoi(os.Getenv(largeEnv))
	if err != nil {
		t.Skip(largeEnv + " is not set")
	}
	dir := t.TempDir()
	began := time.Now()
	step := func(what string) { t.Logf("%6.1f s  %s", time.Since(began).Seconds(), what) }
	var files []string
	for name, o := range map[string]text.Options{
		"few words.txt":  {Seed: 1, Distinct: 22_000, Scripts: text.Mixed, Dirt: 1000},
		"many words.txt": {Seed: 2, Distinct: 4_200_000},
	} {
		o.Bytes = int64(mb) * 1e6 / 2
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(text.Write(f, o), f.Close()); err != nil {
			t.Fatal(err)
		}
		files = append(files, f.Name())
	}
	step("the input is written")
	want, err := sequential("wordcount", nil, files)
	if err != nil {
		t.Fatal(err)
	}
	step("the sequential run is over")
	ctx, g, err := process.NewGroup(t.Context(), process.Options{
		System: System, Setting: systems.Setting{Seed: 1, Load: record.Load{Loop: "closed"}}, Dir: t.TempDir(), Logf: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	v, err := System.Resolve(map[string]string{knobSplitSize: "16384", knobReduces: "8"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := trialSpec(v, files, filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := runJob(ctx, g, s, v.Int(knobWorkers), faultNone, nothingWrong)
	if err != nil {
		t.Fatal(err)
	}
	step("the job is over")
	o, err := r.observe(v, want, s.out)
	if err != nil {
		t.Fatal(err)
	}
	if o.Verdict.Status != record.Valid {
		t.Error(strings.Join(o.Verdict.Reasons(), "\n"))
	}
	for _, name := range []string{"time_s", "mb_per_s", "cpu_s", "peak_mb", "maps_run", "spilled_runs", "shuffle_mb"} {
		t.Logf("%s %.4g", name, o.Scalars[name])
	}
	if peak := o.Scalars["peak_mb"]; peak > 256 {
		t.Errorf("a process held %.0f MB, want at most 256", peak)
	}
	step("checked")
}
