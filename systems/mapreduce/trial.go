package mapreduce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"dyno/bench/lie"
	"dyno/bench/process"
	"dyno/internal/record"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/text"
)

// trialPattern is what grep looks for in trials: some of the lines.
const trialPattern = "an.*e"

// measured is the name of the job that a trial is about, in those of its folder
// and of its processes.
const measured = "out"

// stopTimeout bounds the end of the processes of a job that is over.
const stopTimeout = 5 * time.Second

// trial runs one job over text made from the seed, perhaps with a fault, and
// holds its output against a sequential run. With a fault it first runs the
// same job without: time lost is the difference of the two.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	dir, err := process.Scratch("dyno-mapreduce-trial")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, dir.Release()) }()
	in := newInput(v, b.Setting().Seed)
	files, err := in.write(ctx, dir.Path)
	if err != nil {
		return o, err
	}
	want, err := expectations.of(ctx, in, files)
	if err != nil {
		return o, err
	}
	if v.Text(knobEngine) != engineDyno {
		if v.Text(knobMutant) != mutantNone || v.Text(knobLie) != lie.None {
			return o, errPeerMutant
		}
		return runPeer(ctx, b, v, files, dir.Path, want)
	}
	run := func(name string, workers int, fault string) (*outcome, error) {
		s, err := trialSpec(v, files, filepath.Join(dir.Path, name))
		if err != nil {
			return nil, err
		}
		return runJob(ctx, b, s, workers, fault, wrong{v.Text(knobLie), v.Text(knobMutant)})
	}
	if o, err = measure(run, v, want); err == nil {
		err = context.Cause(ctx) // half a measurement is none
	}
	return o, err
}

// measure runs the job, before it those that it is compared with, and observes
// it.
func measure(run func(name string, workers int, fault string) (*outcome, error), v systems.Values, want *expectation) (o record.Observation, err error) {
	var clean, alone *outcome
	workers, fault, falsehood := v.Int(knobWorkers), v.Text(knobFault), v.Text(knobLie)
	if fault != faultNone || falsehood == lieOtherOutput {
		if clean, err = run("clean", workers, faultNone); err != nil {
			return o, err
		}
	}
	if v.Text(knobBaseline) == "on" {
		if alone, err = run("alone", 1, faultNone); err != nil {
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
	if falsehood == lieOtherOutput {
		read = clean
	}
	if o, err = r.observe(v, want, read.spec.out); err != nil {
		return o, err
	}
	f := o.Evidence.Facts
	f[factWholeS] = whole.Seconds()
	if fault != faultNone {
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
}

func newInput(v systems.Values, seed uint64) input {
	return input{
		job: v.Text(knobJob), seed: seed, bytes: int64(v.Float(knobInput) * 1e6),
		files: v.Int(knobFiles), distinct: v.Int(knobDistinct),
	}
}

// write makes the files: every second one with words of all scripts and bytes
// that are not UTF-8.
func (in input) write(ctx context.Context, dir string) ([]string, error) {
	var names []string
	for i := range in.files {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		o := text.Options{Seed: in.seed + uint64(i), Bytes: max(1, in.bytes/int64(in.files)), Distinct: in.distinct}
		if i%2 == 1 {
			o.Scripts, o.Dirt = text.Mixed, 1000
		}
		name := filepath.Join(dir, "input "+strconv.Itoa(i)+".txt")
		f, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(text.Write(f, o), f.Close()); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
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
	spec    *spec
	summary *mapreducev1.Summary
	wall    time.Duration
	workers int
	witness *witness
	tally   *tally // of the witness's ledgers; see told
}

func (r *outcome) seconds() float64 { return seconds(r.summary.GetMapNs() + r.summary.GetReduceNs()) }

// runJob runs the job once, with processes of its own.
func runJob(ctx context.Context, b systems.Bench, s *spec, workers int, fault string, what wrong) (*outcome, error) {
	began := time.Now()
	w := &witness{began: began.UnixNano()}
	c := &cluster{bench: b, spec: s, workers: workers, prefix: filepath.Base(s.out) + "-", wrong: what, witness: w}
	defer c.stop()
	looking, stopLooking := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stopLooking() // before the wait
	watching.Go(func() { w.watchMemory(looking, c.processes) })
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	f := newFault(fault, c)
	defer f.end()
	summary, err := c.watch(ctx, f.follow)
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
	c.stop()
	w.gone = time.Now().UnixNano()
	r := &outcome{spec: s, summary: summary, wall: time.Since(began), workers: c.workers, witness: w}
	return r, c.testify(ctx, w)
}

// trialSpec is the job that the knobs describe.
func trialSpec(v systems.Values, files []string, out string) (*spec, error) {
	s := &spec{
		reduces: v.Int(knobReduces), maps: v.Int(knobMaps), split: size(v.Int(knobSplitSize)) << 10,
		memory: size(v.Int(knobMemory)) << 20, out: out, shuffle: v.Text(knobShuffle),
		combine: v.Text(knobCombiner) == "on", backups: v.Text(knobBackups) == "on", lease: defaultLease,
		given: map[string]string{},
	}
	if v.Text(knobJob) == "grep" {
		s.given["pattern"] = trialPattern
	}
	return s, s.check(append([]string{v.Text(knobJob)}, files...))
}

// stop ends what is left of the job: all of it at once.
func (c *cluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range append([]systems.Process{c.master}, c.procs...) {
		if p != nil {
			all.Go(func() { _ = p.Stop(ctx) }) // how they end was their affair: they are expendable
		}
	}
	all.Wait()
}
