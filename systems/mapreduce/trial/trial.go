// Package trial measures one job: its processes and faults, what must come out,
// the figures, and the evidence from other roads that they are held against.
package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"dyno/bench/lie"
	"dyno/bench/process"
	"dyno/internal/record"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/cluster"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/text"
	"dyno/systems/mapreduce/worker"
)

// trialPattern is what grep looks for in trials: some of the lines.
const trialPattern = "an.*e"

// measured is the name of the job that a trial is about, in those of its folder
// and of its processes.
const measured = "out"

// Run runs one job over text made from the seed, perhaps with a fault, and
// holds its output against a sequential run. With a fault it first runs the
// same job without: time lost is the difference of the two.
func Run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	if err := systems.OneMachine(b, "has input and output in a folder that its workers share, as other machines share none"); err != nil {
		return o, err
	}
	dir, err := process.Scratch("dyno-mapreduce-trial")
	if err != nil {
		return o, err
	}
	defer func() {
		if err = errors.Join(err, dir.Release()); err == nil {
			err = context.Cause(ctx) // half a measurement is none
		}
	}()
	in := newInput(v, b.Setting().Seed)
	files, err := in.write(ctx, dir.Path)
	if err != nil {
		return o, err
	}
	want, err := expectations.of(ctx, in, files)
	if err != nil {
		return o, err
	}
	if v.Text(config.KnobEngine) != config.EngineDyno {
		if v.Text(config.KnobMutant) != config.MutantNone || v.Text(config.KnobLie) != lie.None {
			return o, errPeerMutant
		}
		return runPeer(ctx, b, v, files, dir.Path, want)
	}
	var last *outcome
	run := func(name string, workers int, fault string) (*outcome, error) {
		s, err := trialConfig(v, files, filepath.Join(dir.Path, name))
		if err != nil {
			return nil, err
		}
		last, err = runJob(ctx, b, s, workers, fault)
		return last, err
	}
	if o, err = measure(run, v, want); err != nil || o.Verdict.Status != record.Invalid {
		return o, err
	}
	s, err := last.story(v.Text(config.KnobJob), want)
	if err != nil {
		return o, err
	}
	return o, systems.KeepHistory(b, left{s})
}

// measure runs the job, before it those that it is compared with, and observes
// it.
func measure(run func(name string, workers int, fault string) (*outcome, error), v systems.Values,
	want *expectation,
) (o record.Observation, err error) {
	var clean, alone *outcome
	workers, fault, falsehood := v.Int(config.KnobWorkers), v.Text(config.KnobFault), v.Text(config.KnobLie)
	if fault != config.FaultNone || falsehood == config.LieOtherOutput {
		if clean, err = run("clean", workers, config.FaultNone); err != nil {
			return o, err
		}
	}
	if v.Text(config.KnobBaseline) == "on" {
		if alone, err = run("alone", 1, config.FaultNone); err != nil {
			return o, err
		}
	}
	before := time.Now()
	r, err := run(measured, workers, fault)
	if err != nil {
		return o, err
	}
	whole := time.Since(before)
	read := r
	if falsehood == config.LieOtherOutput {
		read = clean
	}
	if r.blind {
		return r.observeBlind(v, want, whole)
	}
	if o, err = r.observe(v, want, read.config.Out); err != nil {
		return o, err
	}
	f := o.Evidence.Facts
	f[factWholeS] = whole.Seconds()
	if fault != config.FaultNone {
		o.Set("added_s", r.seconds()-clean.seconds())
		o.Set("added_share", r.seconds()/clean.seconds()-1)
		clean.times(f, "clean_")
	}
	if alone != nil {
		r.speedUp(&o, alone)
		alone.times(f, "alone_")
		alone.busy(f, "alone_")
	}
	return o, nil
}

// input says what text a trial's job is given.
type input struct {
	job      string
	seed     uint64
	bytes    int64
	files    int
	distinct int
	mixed    bool // every second file
}

func newInput(v systems.Values, seed uint64) input {
	return input{
		job: v.Text(config.KnobJob), seed: seed, bytes: int64(v.Float(config.KnobInput) * 1e6),
		files: v.Int(config.KnobFiles), distinct: v.Int(config.KnobDistinct), mixed: v.Text(config.KnobScripts) == config.ScriptsMixed,
	}
}

// write makes the files: every second one with words of all scripts and bytes
// that are not UTF-8.
func (in input) write(ctx context.Context, dir string) ([]string, error) {
	names, errs := make([]string, in.files), make([]error, in.files)
	var writing sync.WaitGroup
	room := make(chan struct{}, runtime.NumCPU())
	for i := range names {
		room <- struct{}{}
		names[i] = filepath.Join(dir, "input "+strconv.Itoa(i)+".txt")
		writing.Go(func() {
			defer func() { <-room }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = in.writeOne(names[i], i)
			}
		})
	}
	writing.Wait()
	return names, errors.Join(errs...)
}

func (in input) writeOne(name string, i int) error {
	o := text.Options{Seed: in.seed + uint64(i), Bytes: max(1, in.bytes/int64(in.files)), Distinct: in.distinct}
	if i%2 == 1 && in.mixed {
		o.Scripts, o.Dirt = text.Mixed, 1000
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(text.Write(f, o), f.Close())
}

// expectationCache keeps what must come out of the latest inputs: trials of
// one block have the same.
type expectationCache struct {
	mu   sync.Mutex
	last map[input]*expectation
}

var expectations expectationCache

const maxExpectations = 4

func (c *expectationCache) of(ctx context.Context, in input, files []string) (*expectation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.job != "invertedindex" { // whose lines hold the names of the files
		if e := c.last[in]; e != nil {
			return e, nil
		}
	}
	e, err := sequential(in.job, map[string]string{"pattern": trialPattern}, files)
	if err != nil {
		return nil, err
	}
	if len(c.last) >= maxExpectations || c.last == nil {
		c.last = map[input]*expectation{}
	}
	c.last[in] = e
	return e, ctx.Err()
}

// outcome is how one job of a trial went.
type outcome struct {
	config  *config.Config
	summary *mapreducev1.Summary
	wall    time.Duration
	workers int
	witness *witness
	tally   *tally // of the witness's ledgers; see told
	blind   bool   // another program stands in for the workers: no ledger is theirs
}

func (r *outcome) seconds() float64 { return seconds(r.summary.GetMapNs() + r.summary.GetReduceNs()) }

// runJob runs the job once, with processes of its own.
func runJob(ctx context.Context, b systems.Bench, s *config.Config, workers int, fault string) (*outcome, error) {
	began := time.Now()
	w := &witness{began: began.UnixNano()}
	c := &cluster.Cluster{Bench: b, Config: s, Workers: workers, Prefix: filepath.Base(s.Out) + "-", Ledger: true}
	defer c.Stop()
	looking, stopLooking := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stopLooking() // before the wait
	watching.Go(func() { w.watchMemory(looking, c.Processes) })
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	f := newFault(fault, c)
	defer f.end()
	summary, err := c.Watch(f.follow)
	w.over = time.Now().UnixNano()
	if err != nil {
		return nil, err
	}
	if err := f.end(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if summary.GetFailure() != "" {
		return nil, fmt.Errorf("the job failed: %s", summary.GetFailure())
	}
	c.Stop()
	w.gone = time.Now().UnixNano()
	r := &outcome{
		config: s, summary: summary, wall: time.Since(began), workers: c.Workers, witness: w, blind: b.Setting().Stands(worker.RoleName),
	}
	info, err := os.Stat(s.Out)
	if err != nil {
		return nil, err
	}
	w.published, w.ledgers, w.told, w.struck = info.ModTime().UnixNano(), c.Ledgers(ctx), c.Told(ctx), f.strokes()
	return r, nil
}

// trialConfig is the job that the knobs describe.
func trialConfig(v systems.Values, files []string, out string) (*config.Config, error) {
	s := &config.Config{Knobs: v, Out: out, Lease: config.DefaultLease, Given: map[string]string{}}
	if v.Text(config.KnobJob) == "grep" {
		s.Given["pattern"] = trialPattern
	}
	return s, s.Check(append([]string{v.Text(config.KnobJob)}, files...))
}
