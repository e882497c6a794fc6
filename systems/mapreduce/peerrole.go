package mapreduce

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/mapreduce/peer"
)

// The programs that count words without this system.
const (
	engineDyno       = "dyno"
	engineLimit      = "go-limit"
	engineSequential = "go-sequential"
	engineCoreutils  = "coreutils"
	engineMawk       = "mawk"
)

var peers = systems.Choice{engineLimit, engineSequential, engineCoreutils, engineMawk}

// pipelines are the peers that others wrote. They know ASCII letters only, in
// the C locale, in which they are fastest.
var pipelines = map[string][][]string{
	engineCoreutils: {{"tr", "-cs", "A-Za-z", `\n`}, {"sort"}, {"uniq", "-c"}},
	engineMawk: {
		{"mawk", `BEGIN { RS = "[^A-Za-z]+" } length($0) { n[$0]++ } END { for (w in n) print n[w], w }`},
		{"sort", "-k2"},
	},
}

// peerRole is a peer in a process of its own, as the system's roles are.
func peerRole() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "peer",
		Args:    "FILE",
		Summary: "counts words without the system: what it is measured against",
		Example: "dyno mapreduce peer --engine go-limit --out counts book.txt",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			f := &peerFlags{}
			fs.StringVar(&f.engine, "engine", engineLimit, "one of "+strings.Join(peers, ", "))
			fs.StringVar(&f.out, "out", ".", "folder for mr-out-0")
			fs.IntVar(&f.cores, "cores", runtime.NumCPU(), "how many goroutines go-limit has")
			return f.run
		},
	}}
}

type peerFlags struct {
	engine, out string
	cores       int
}

// peerReport is what the role prints.
type peerReport struct {
	Seconds    float64 `json:"seconds"` // from opening the input to the last line written
	Opened     int64   `json:"opened"`  // these two moments, nanoseconds since 1970
	Closed     int64   `json:"closed"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakBytes  int64   `json:"peak_bytes"` // of the largest process
}

func (f *peerFlags) run(ctx context.Context, sh systems.Shell) error {
	if _, err := peers.Parse(f.engine); err != nil {
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
func (f *peerFlags) count(ctx context.Context, input, raw string) (r peerReport, err error) {
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
	case engineLimit:
		var info os.FileInfo
		if info, err = in.Stat(); err == nil {
			err = peer.Limit(ctx, in, info.Size(), f.cores, out)
		}
	case engineSequential:
		err = peer.Sequential(ctx, in, out)
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
		r.PeakBytes = peakRSS("self")
	}
	return r, err
}

// publish turns "count word" lines of the pipelines into the system's own, and
// gives the output its name. It is no part of what is measured.
func (f *peerFlags) publish(raw string) error {
	name := layout{f.out}.output(0)
	if pipelines[f.engine] == nil {
		return os.Rename(raw, name)
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	err = readLines(raw, func(line string) {
		if n, word, ok := strings.Cut(strings.TrimSpace(line), " "); ok { // tr makes an empty word of what the text begins with
			_, _ = fmt.Fprintf(w, "%s %s\n", word, n) // Flush returns the error
		}
	})
	return errors.Join(err, w.Flush(), out.Close(), os.Remove(raw))
}

// errPeerJob refuses what peers cannot do.
var errPeerJob = errors.New("a peer counts the words of one file and has no faults: set job wordcount, files 1, fault none")

// errPeerMutant refuses what nobody could notice.
var errPeerMutant = errors.New("a peer cannot be wrong on purpose: set lie and mutant none")

// runPeer measures a peer on the same input, and holds its answer against the
// same sequential run.
func runPeer(ctx context.Context, b systems.Bench, v systems.Values, files []string, dir string, want *expectation) (o record.Observation, err error) {
	if v.Text(knobJob) != "wordcount" || len(files) != 1 || v.Text(knobFault) != faultNone {
		return o, errPeerJob
	}
	r, w, err := waitForPeer(ctx, b, v, files[0], dir)
	if err != nil {
		return o, err
	}
	checks, _, err := want.check(v.Text(knobJob), dir, 1)
	if err != nil {
		return o, err
	}
	info, err := os.Stat(files[0])
	if err != nil {
		return o, err
	}
	o.Verdict = record.Judge(checks...)
	o.Counts = record.Counts{Offered: 1, Sent: 1, OK: 1}
	if o.Verdict.Status == record.Invalid {
		o.Counts.OK, o.Counts.Failed = 0, 1
	}
	mb := v.Float(knobInput)
	o.Set("time_s", r.Seconds)
	o.Set("mb_per_s", mb/r.Seconds)
	o.Set("cpu_s", r.CPUSeconds)
	o.Set("cpu_ns_per_byte", r.CPUSeconds*1e3/mb)
	o.Set("peak_mb", megabytes(r.PeakBytes))
	o.Evidence = r.evidence(w, info.Size())
	return o, nil
}

// peerName is that of a peer's process.
const peerName = "peer"

// waitForPeer runs a peer to its end and watches it.
func waitForPeer(ctx context.Context, b systems.Bench, v systems.Values, file, dir string) (r peerReport, w *witness, err error) {
	cores := min(v.Int(knobWorkers), runtime.NumCPU())
	w = &witness{began: time.Now().UnixNano()}
	p, err := b.Start(ctx, systems.Launch{Role: "peer", Name: peerName, CPUs: cores, Spawns: true, Args: []string{
		"--engine", v.Text(knobEngine), "--out", dir, "--cores", strconv.Itoa(cores), file,
	}})
	if err != nil {
		return r, nil, err
	}
	looking, stopLooking := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { w.watchMemory(looking, func() []systems.Process { return []systems.Process{p} }) })
	text, err := p.Wait(ctx)
	w.gone = time.Now().UnixNano()
	stopLooking()
	watching.Wait()
	if err != nil {
		return r, nil, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, nil, fmt.Errorf("the peer's report: %w", err)
	}
	return r, w, nil
}

// A peer's process also starts up, and brings the output into form.
const (
	peerSpareCPU = 0.15   // seconds
	peerClocks   = 0.0002 // seconds between two of its readings that are one moment
)

// evidence is what a peer's figures are held against: its wall clock, within
// the life of its process.
func (r *peerReport) evidence(w *witness, input int64) *record.Evidence {
	f := map[string]float64{factInputB: float64(input), factPeakB: float64(w.peak), factSpareS: peerSpareCPU, factUntoldS: 0}
	if r.Opened >= w.began && r.Closed <= w.gone {
		took := float64(r.Closed-r.Opened) / 1e9
		f[factTime+least], f[factTime+most] = took-peerClocks, took+max(peerClocks, took*peerClocks)
	}
	return &record.Evidence{Facts: f}
}
