package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/peer"
)

// errPeerJob refuses what peers cannot do.
var errPeerJob = errors.New("a peer knows ASCII letters and has no faults: set scripts latin (or files 1), fault none")

// errPeerMutant refuses what nobody could notice.
var errPeerMutant = errors.New("a peer cannot be wrong on purpose: set lie and mutant none")

// Of what a trial takes for each megabyte of input, what was seen: peers beside the
// window, which stands for the job of this system; the sequential run that a sorted
// or an indexed output is held against; and both with a vocabulary that fits in no
// cache. They are rounded medians of mr-peers, where they make up the estimate.
var (
	peerPerMB = map[[2]string]time.Duration{
		{config.EngineSequential, jobCount}: 160 * time.Millisecond,
		{config.EngineCoreutils, jobCount}:  60 * time.Millisecond,
		{config.EngineCoreutils, jobIndex}:  200 * time.Millisecond,
		{config.EngineMawk, jobCount}:       20 * time.Millisecond,
		{config.EngineMawk, jobIndex}:       30 * time.Millisecond,
	}
	proofPerMB = map[string]time.Duration{jobSort: 45 * time.Millisecond, jobIndex: 25 * time.Millisecond}
)

const (
	jobCount, jobSort, jobIndex = "wordcount", "totalsort", "invertedindex"

	manyWords      = 1_000_000
	manyWordsPerMB = 180 * time.Millisecond
)

// Overhead estimates what a trial takes beside its window.
func Overhead(v systems.Values) time.Duration {
	name := v.Text(config.KnobJob)
	perMB := peerPerMB[[2]string{v.Text(config.KnobEngine), name}] + proofPerMB[name]
	if v.Int(config.KnobDistinct) >= manyWords {
		perMB += manyWordsPerMB
	}
	return 50*time.Millisecond + time.Duration(v.Float(config.KnobInput)*float64(perMB))
}

// runPeer measures a peer on the same input, and holds its answer against the
// same sequential run.
func runPeer(ctx context.Context, b systems.Bench, v systems.Values, files []string, dir string, want *expectation) (o record.Observation,
	err error,
) {
	if len(files) > 1 && v.Text(config.KnobScripts) != config.ScriptsLatin || v.Text(config.KnobFault) != config.FaultNone {
		return o, errPeerJob
	}
	if err := peer.Check(v.Text(config.KnobJob), v.Text(config.KnobEngine), len(files)); err != nil {
		return o, err
	}
	version, err := versionOf(v.Text(config.KnobEngine))
	if err != nil {
		return o, err
	}
	r, w, err := waitForPeer(ctx, b, v, files, dir)
	if err != nil {
		return o, err
	}
	checks, _, err := want.check(v.Text(config.KnobJob), dir, 1)
	if err != nil {
		return o, err
	}
	input := int64(0)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return o, err
		}
		input += info.Size()
	}
	o.Verdict = record.Judge(append(checks, rival.Checked(version))...)
	o.Counts = record.Counts{Offered: 1, Sent: 1, OK: 1}
	if o.Verdict.Status == record.Invalid {
		o.Counts.OK, o.Counts.Failed = 0, 1
	}
	mb := megabytes(input)
	o.Set("time_s", r.Seconds)
	o.Set("mb_per_s", mb/r.Seconds)
	o.Set("cpu_s", r.CPUSeconds)
	o.Set("cpu_ns_per_byte", r.CPUSeconds*1e3/mb)
	o.Set("peak_mb", megabytes(r.PeakBytes))
	o.Evidence = peerEvidence(r, w, input)
	return o, nil
}

// versionOf says which software an engine is, or that it is not there.
func versionOf(engine string) (string, error) {
	theirs := map[string]rival.Software{config.EngineCoreutils: rival.Coreutils, config.EngineMawk: rival.Mawk}
	s, ok := theirs[engine]
	if !ok {
		return "of this repository, " + runtime.Version(), nil
	}
	_, err := s.Find()
	return s.Version(), err
}

// peerName is that of a peer's process.
const peerName = "peer"

// waitForPeer runs a peer to its end and watches it.
func waitForPeer(ctx context.Context, b systems.Bench, v systems.Values, files []string, dir string) (r peer.Summary, w *witness,
	err error,
) {
	cores := min(v.Int(config.KnobWorkers), runtime.NumCPU())
	w = &witness{began: time.Now().UnixNano()}
	p, err := b.Start(ctx, systems.Launch{Role: "peer", Name: peerName, CPUs: cores, Spawns: true, Args: append([]string{
		"--engine", v.Text(config.KnobEngine), "--job", v.Text(config.KnobJob), "--out", dir, "--cores", strconv.Itoa(cores), "--",
	}, files...)})
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

// peerEvidence is what a peer's figures are held against: its wall clock, within
// the life of its process.
func peerEvidence(r peer.Summary, w *witness, input int64) *record.Evidence {
	f := map[string]float64{factInputB: float64(input), factPeakB: float64(w.peak), factSpareS: peerSpareCPU, factUntoldS: 0}
	if r.Opened >= w.began && r.Closed <= w.gone {
		took := float64(r.Closed-r.Opened) / 1e9
		f[factTime+least], f[factTime+most] = took-peerClocks, took+max(peerClocks, took*peerClocks)
	}
	return &record.Evidence{Facts: f}
}
