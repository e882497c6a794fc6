package mapreduce

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
)

const statusDeadline = 5 * time.Second

func statusCommand() systems.Command {
	return systems.Command{
		Name:    "status",
		Summary: "a table of what each worker of a running job does",
		Example: "dyno mapreduce status --out counts\ndyno mapreduce status --master 127.0.0.1:7100",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			master := fs.String("master", "", "HOST:PORT of the master; empty: the one at work in --out")
			out := fs.String("out", "mr-out", "output folder of the job")
			return func(ctx context.Context, sh systems.Shell) error { return showStatus(ctx, sh, *master, *out) }
		},
	}
}

func showStatus(ctx context.Context, sh systems.Shell, master, out string) error {
	if master == "" {
		text, err := os.ReadFile(config.Layout{Out: out}.Address())
		if err != nil {
			return systems.Usagef("no job is at work in %s: give its --out, or the --master", out)
		}
		master = strings.TrimSpace(string(text))
	}
	ctx, cancel := context.WithTimeout(ctx, statusDeadline)
	defer cancel()
	if err := systems.HostPort("--master", master); err != nil {
		return err
	}
	conn, err := rpc.Dial(master)
	if err != nil {
		return &systems.UsageError{Err: fmt.Errorf("--master %s: %w", master, err)}
	}
	defer conn.Close()
	stream, err := mapreducev1.NewMasterServiceClient(conn).WatchJob(ctx, &mapreducev1.WatchJobRequest{})
	var r *mapreducev1.WatchJobResponse
	if err == nil {
		r, err = stream.Recv()
	}
	if err != nil {
		return fmt.Errorf("no master answers at %s; give the address that a running one has printed: %w", master, err)
	}
	return printStatus(sh.Out, r.GetStatus())
}

// printStatus is the status table.
func printStatus(w io.Writer, s *mapreducev1.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tjob %s, %s: map %d/%d, reduce %d/%d\n", s.GetJob(), s.GetJobId(), durationText(s.GetElapsedNs()),
		s.GetMapsDone(), s.GetMaps(), s.GetReducesDone(), s.GetReduces())
	fmt.Fprintln(t, "WORKER\tPID\tTASK\tFOR\tMAPS\tREDUCES\tHEARD")
	for _, w := range s.GetWorkers() {
		task, age := "waits", ""
		if w.GetTask() != "" {
			task, age = w.GetTask(), durationText(w.GetAgeNs())
		}
		if w.GetBackup() {
			task += " (backup)"
		}
		heard := durationText(w.GetSilenceNs()) + " ago"
		if w.GetSuspected() {
			heard += ", given up"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%d\t%d\t%s\n", w.GetName(), w.GetPid(), task, age, w.GetMapsDone(), w.GetReducesDone(), heard)
	}
	return t.Flush()
}
