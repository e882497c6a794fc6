package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/ledger"
)

// pipelines are the peers that others wrote. They know ASCII letters only, in
// the C locale, in which they are fastest.
var pipelines = map[string][][]string{
	config.EngineCoreutils: {{"tr", "-cs", "A-Za-z", `\n`}, {"sort"}, {"uniq", "-c"}},
	config.EngineMawk: {
		{"mawk", `BEGIN { RS = "[^A-Za-z]+" } length($0) { n[$0]++ } END { for (w in n) print n[w], w }`},
		{"sort", "-k2"},
	},
}

// Role is a peer in a process of its own, as the system's roles are.
func Role() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "peer",
		Args:    "FILE",
		Summary: "counts words without the system: what it is measured against",
		Example: "dyno mapreduce peer --engine go-limit --out counts book.txt",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			f := &peerFlags{}
			v := config.Knobs.With(config.KnobEngine, config.EngineLimit).Bind(fs, config.KnobEngine)
			fs.StringVar(&f.out, "out", ".", "folder for mr-out-0")
			fs.IntVar(&f.cores, "cores", runtime.NumCPU(), "how many goroutines go-limit has")
			return func(ctx context.Context, sh systems.Shell) error {
				f.engine = v.Text(config.KnobEngine)
				return f.run(ctx, sh)
			}
		},
	}}
}

type peerFlags struct {
	engine, out string
	cores       int
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
	if _, err := config.Peers.Parse(f.engine); err != nil {
		return systems.Usagef("--engine: %w", err)
	}
	if len(sh.Args) != 1 || f.cores < 1 {
		return systems.Usagef("a peer takes one FILE, and --cores of at least 1")
	}
	raw := filepath.Join(f.out, "peer-raw")
	r, err := f.count(ctx, sh.Args[0], raw)
	if err != nil {
		return fmt.Errorf("%s: %w", f.engine, err)
	}
	if err := f.publish(raw); err != nil {
		return err
	}
	return json.NewEncoder(sh.Out).Encode(r)
}

// count lets the engine write its lines and says what that took.
func (f *peerFlags) count(ctx context.Context, input, raw string) (r Summary, err error) {
	began := time.Now()
	in, err := os.Open(input)
	if err != nil {
		return r, err
	}
	defer in.Close()
	out, err := os.Create(raw)
	if err != nil {
		return r, err
	}
	who, peak := syscall.RUSAGE_SELF, int64(0)
	switch f.engine {
	case config.EngineLimit:
		var info os.FileInfo
		if info, err = in.Stat(); err == nil {
			err = Limit(ctx, in, info.Size(), f.cores, out)
		}
	case config.EngineSequential:
		err = Sequential(ctx, in, out)
	default:
		who = syscall.RUSAGE_CHILDREN
		peak, err = pipeline(ctx, pipelines[f.engine], in, out)
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

// publish turns "count word" lines of the pipelines into the system's own, and
// gives the output its name. It is no part of what is measured.
func (f *peerFlags) publish(raw string) error {
	name := config.Layout{Out: f.out}.Output(0)
	if pipelines[f.engine] == nil {
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

// pipeline runs commands, each reading what the one before writes, and returns
// the most memory that one of them held. The first reads from this process,
// not from the file: if this process is killed, the input ends, and so do all.
func pipeline(ctx context.Context, stages [][]string, in io.Reader, out io.Writer) (peakBytes int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var cmds []*exec.Cmd
	var held []io.Closer // ends of pipes that the commands have too
	in = struct{ io.Reader }{in}
	for i, s := range stages {
		c := exec.CommandContext(ctx, s[0], s[1:]...)
		c.Env = append(os.Environ(), "LC_ALL=C")
		c.Stdin, c.Stdout, c.Stderr = in, out, os.Stderr
		if i+1 < len(stages) {
			r, w, pipeErr := os.Pipe()
			if err = pipeErr; err != nil {
				break
			}
			held = append(held, r, w)
			c.Stdout, in = w, r
		}
		if err = c.Start(); err != nil {
			break
		}
		cmds = append(cmds, c)
	}
	if err != nil {
		cancel()
	}
	for _, h := range held { // until then nobody sees the end
		err = errors.Join(err, h.Close())
	}
	for _, c := range cmds {
		err = errors.Join(err, c.Wait())
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peakBytes = max(peakBytes, u.Maxrss<<10)
		}
	}
	return peakBytes, err
}
