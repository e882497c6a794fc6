package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/ledger"
)

// Role is a peer in a process of its own, as the system's roles are.
func Role() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "peer",
		Args:    "FILE...",
		Summary: "does a job without the system: what it is measured against",
		Example: "dyno mapreduce peer --engine go-limit --out counts book.txt",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			f := &peerFlags{}
			v := config.Knobs.With(config.KnobEngine, config.EngineLimit).Bind(fs, config.KnobEngine, config.KnobJob)
			fs.StringVar(&f.out, "out", ".", "folder for mr-out-0")
			fs.IntVar(&f.cores, "cores", runtime.NumCPU(), "how many goroutines go-limit has, and threads GNU sort")
			return func(ctx context.Context, sh systems.Shell) error {
				f.engine, f.job = v.Text(config.KnobEngine), v.Text(config.KnobJob)
				return f.run(ctx, sh)
			}
		},
	}}
}

type peerFlags struct {
	engine, job, out string
	cores            int
}

// Summary is what the role prints.
type Summary struct {
	Seconds    float64 `json:"seconds"` // from opening the input to the last line written
	Opened     int64   `json:"opened"`  // these two moments, nanoseconds since 1970
	Closed     int64   `json:"closed"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakBytes  int64   `json:"peak_bytes"` // of the largest process
}

func (f *peerFlags) run(ctx context.Context, sh systems.Shell) error {
	if err := Check(f.job, f.engine, len(sh.Args)); err != nil {
		return systems.Usagef("--engine: %w", err)
	}
	if len(sh.Args) == 0 || f.cores < 1 {
		return systems.Usagef("a peer takes a FILE, and --cores of at least 1")
	}
	e := engines[f.job][f.engine]
	raw := filepath.Join(f.out, "peer-raw")
	r, err := f.measure(ctx, e, sh.Args, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", f.engine, err)
	}
	if err := f.publish(e, raw); err != nil {
		return err
	}
	return json.NewEncoder(sh.Out).Encode(r)
}

// measure lets the engine write its lines and says what that took.
func (f *peerFlags) measure(ctx context.Context, e engine, files []string, raw string) (r Summary, err error) {
	began := time.Now()
	out, err := os.Create(raw)
	if err != nil {
		return r, err
	}
	who, peak := syscall.RUSAGE_SELF, int64(0)
	if e.run != nil {
		err = e.run(ctx, files, f.cores, out)
	} else {
		who = syscall.RUSAGE_CHILDREN
		peak, err = e.pipe(ctx, files, f.cores, out)
	}
	err = errors.Join(err, out.Close())
	r.Opened, r.Closed = began.UnixNano(), time.Now().UnixNano()
	r.Seconds = time.Since(began).Seconds()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return r, err
	}
	r.CPUSeconds = time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	if r.PeakBytes = peak; who == syscall.RUSAGE_SELF {
		r.PeakBytes = ledger.PeakRSS("self")
	}
	return r, err
}

// publish turns "count word" into the system's own lines, and gives the output
// its name. It is no part of what is measured.
func (f *peerFlags) publish(e engine, raw string) error {
	name := config.Layout{Out: f.out}.Output(0)
	if !e.turned {
		return os.Rename(raw, name)
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	err = ledger.EachLine(raw, func(line string) {
		if n, word, ok := strings.Cut(strings.TrimSpace(line), " "); ok { // tr makes an empty word of what the text begins with
			_, _ = fmt.Fprintf(w, "%s %s\n", word, n) // Flush returns the error
		}
	})
	return errors.Join(err, w.Flush(), out.Close(), os.Remove(raw))
}
