package mapreduce

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
)

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
