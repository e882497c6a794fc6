package mapreduce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/cluster"
	"dyno/systems/mapreduce/config"
)

// runOptions are the flags of the command run.
type runOptions struct {
	config  config.Config
	workers int
	json    bool
}

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Starts:  true,
		Args:    "JOB FILE...",
		Summary: "a master and workers as processes of their own: one job, from files to mr-out-0, mr-out-1 …",
		Example: "dyno mapreduce run wordcount --reduces 4 --out counts book.txt\n" +
			"dyno mapreduce run invertedindex --reduces 2 --workers 3 --out index README.md CONTRIBUTING.md\n" +
			"dyno mapreduce run grep --pattern '^func ' --out funcs cmd/dyno/main.go",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &runOptions{}
			o.config.Declare(fs)
			fs.IntVar(&o.workers, config.KnobWorkers, 0,
				"how many worker processes; 0: one for each processor, as far as there are tasks for them")
			fs.BoolVar(&o.json, "json", false, "print the summary as JSON")
			return o.run
		},
	}
}

func (o *runOptions) run(ctx context.Context, sh systems.Shell) (err error) {
	if o.workers < 0 || o.workers > config.MaxWorkers {
		return systems.Usagef("--workers %d: from 1 to %d, or 0 for as many as are of use", o.workers, config.MaxWorkers)
	}
	if err := o.config.Check(sh.Args); err != nil {
		return err
	}
	l := o.config.Layout()
	before := l.Look()
	bctx, b, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: 1})
	if err != nil {
		return err
	}
	view := newProgress(sh)
	c := &cluster.Cluster{Bench: b, Config: &o.config, Workers: cmp.Or(o.workers, o.config.Useful())}
	summary, err := c.Run(bctx, view.show)
	view.end()
	interrupted := ctx.Err() != nil && summary == nil && view.done > 0
	resumable := errors.Is(err, cluster.ErrMasterLost) || errors.Is(err, cluster.ErrNoWorkers)
	err = errors.Join(err, closeBench()) // whoever is still there by now is asked to leave
	stays := fmt.Sprintf("what is finished stays in %s: the same command with --resume goes on", l.Scratch())
	switch {
	case interrupted:
		fmt.Fprintln(sh.Err, stays)
		return ctx.Err()
	case resumable:
		return fmt.Errorf("%w; %s", err, stays)
	}
	if !o.config.Keep && (summary != nil || !before.Scratch) {
		err = errors.Join(err, l.Restore(before))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if summary.GetFailure() != "" {
		return errors.New("the job failed: " + summary.GetFailure())
	}
	return o.print(sh, summary)
}

// print shows how the job went.
func (o *runOptions) print(sh systems.Shell, s *mapreducev1.Summary) error {
	if !o.json {
		return printSummary(sh.Out, &o.config, s)
	}
	e := json.NewEncoder(sh.Out)
	e.SetIndent("", "  ")
	return e.Encode(newSummary(&o.config, s))
}

// progress shows how far a job is: one line, redrawn on a terminal, written
// anew each second elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	began    time.Time
	last     time.Time
	line     string
	done     int64 // tasks of the job so far
}

func newProgress(sh systems.Shell) *progress {
	return &progress{w: sh.Err, terminal: sh.Terminal, began: time.Now(), last: time.Now()}
}

// progressPause is between two lines where they cannot be redrawn.
const progressPause = time.Second

func (p *progress) show(s *mapreducev1.Status) {
	p.done = int64(s.GetMapsDone()) + int64(s.GetReducesDone())
	p.line = fmt.Sprintf("map %d/%d  reduce %d/%d  workers %d", s.GetMapsDone(), s.GetMaps(), s.GetReducesDone(), s.GetReduces(),
		len(s.GetWorkers()))
	if e := s.GetEvents(); e.GetReruns() > 0 {
		p.line += fmt.Sprintf("  run again %d", e.GetReruns())
	}
	switch {
	case p.terminal:
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.line)
	case time.Since(p.last) >= progressPause:
		p.last = time.Now()
		fmt.Fprintf(p.w, "%3.0f s  %s\n", time.Since(p.began).Seconds(), p.line)
	}
}

// end leaves the last state behind.
func (p *progress) end() {
	if p.line == "" {
		return
	}
	if p.terminal {
		fmt.Fprintln(p.w)
		return
	}
	fmt.Fprintln(p.w, p.line)
}

// summary is the summary as run --json prints it.
type summary struct {
	Job          string  `json:"job"`
	Out          string  `json:"out"`
	Maps         int64   `json:"maps"`
	Reduces      int     `json:"reduces"`
	Seconds      float64 `json:"seconds"`
	MapSeconds   float64 `json:"map_seconds"`
	ReduceSecond float64 `json:"reduce_seconds"`
	InputBytes   int64   `json:"input_bytes"`
	Pairs        int64   `json:"pairs"`
	ShuffleBytes int64   `json:"shuffle_bytes"`
	Keys         int64   `json:"keys"`
	OutputLines  int64   `json:"output_lines"`
	OutputBytes  int64   `json:"output_bytes"`
	SpilledRuns  int64   `json:"spilled_runs"`
	Attempts     int64   `json:"attempts"`
	Backups      int64   `json:"backups"`
	BackupWins   int64   `json:"backup_wins"`
	Reruns       int64   `json:"reruns"`
	Failures     int64   `json:"failures"`
	WorkersLost  int64   `json:"workers_lost"`
	LostMaps     int64   `json:"lost_maps"`
	Skipped      int64   `json:"skipped_records"`
	Resumed      int64   `json:"resumed_tasks"`
}

func newSummary(s *config.Config, sum *mapreducev1.Summary) summary {
	c, e := sum.GetCounters(), sum.GetEvents()
	return summary{
		Job: s.Job.Name, Out: s.Out, Maps: int64(sum.GetMaps()), Reduces: s.Reduces(),
		Seconds: time.Duration(sum.GetElapsedNs()).Seconds(), MapSeconds: time.Duration(sum.GetMapNs()).Seconds(),
		ReduceSecond: time.Duration(sum.GetReduceNs()).Seconds(),
		InputBytes:   c.GetInputBytes(), Pairs: c.GetPairs(), ShuffleBytes: c.GetRunBytes(), Keys: c.GetKeys(),
		OutputLines: c.GetOutputLines(), OutputBytes: c.GetOutputBytes(), SpilledRuns: c.GetSpilledRuns(),
		Attempts: e.GetAttempts(), Backups: e.GetBackups(), BackupWins: e.GetBackupWins(), Reruns: e.GetReruns(),
		Failures: e.GetFailures(), WorkersLost: e.GetLeft(), LostMaps: e.GetLostMaps(), Skipped: e.GetSkipped(), Resumed: e.GetResumed(),
	}
}

// printSummary shows how a job went, for a person.
func printSummary(w io.Writer, s *config.Config, sum *mapreducev1.Summary) error {
	c, e := sum.GetCounters(), sum.GetEvents()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\t%d files, %s in %s: map %s, reduce %s\n", s.Job.Name, len(s.Files), bytesText(c.GetInputBytes()),
		durationText(sum.GetElapsedNs()), durationText(sum.GetMapNs()), durationText(sum.GetReduceNs()))
	fmt.Fprintf(t, "map\t%d tasks, %d pairs, %s for the reduce tasks\n", sum.GetMaps(), c.GetPairs(), bytesText(c.GetRunBytes()))
	fmt.Fprintf(t, "reduce\t%d tasks, %d keys, %d lines, %s\n", s.Reduces(), c.GetKeys(), c.GetOutputLines(), bytesText(c.GetOutputBytes()))
	fmt.Fprintf(t, "attempts\t%d, %d of them backups (%d won), %d tasks run again, %d failed\n",
		e.GetAttempts(), e.GetBackups(), e.GetBackupWins(), e.GetReruns(), e.GetFailures())
	for _, x := range []struct {
		n    int64
		name string
	}{
		{e.GetLeft(), "workers lost"},
		{e.GetLostMaps(), "map outputs lost"},
		{e.GetSkipped(), "records skipped that crash the job's functions"},
		{e.GetResumed(), "tasks were finished before"},
	} {
		if x.n > 0 {
			fmt.Fprintf(t, "\t%d %s\n", x.n, x.name)
		}
	}
	fmt.Fprintf(t, "output\t%s/mr-out-0 … mr-out-%d\n", s.Out, s.Reduces()-1)
	return t.Flush()
}

func durationText(ns int64) string {
	return time.Duration(ns).Round(time.Millisecond).String()
}

func bytesText(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
