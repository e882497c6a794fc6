package trial

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"time"

	"dyno/bench/sample"
	"dyno/internal/record"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/ledger"
)

// observe turns a job into figures and their proof; what is read as its output
// is in the folder out.
func (r *outcome) observe(v systems.Values, want *expectation, out string) (record.Observation, error) {
	var o record.Observation
	checks, read, err := want.check(v.Text(config.KnobJob), out, r.config.Reduces())
	if err != nil {
		return o, err
	}
	checks = append(checks, r.isPublished(read))
	if o.Evidence, err = r.evidence(v.Text(config.KnobFault)); err != nil {
		return o, err
	}
	s := r.summary
	checks = append(checks, r.books(want))
	o.Verdict = record.Judge(checks...)
	tasks := int64(s.GetMaps()) + int64(r.config.Reduces())
	o.Counts = record.Counts{Offered: tasks, Sent: tasks, OK: tasks}
	if o.Verdict.Status == record.Invalid {
		o.Counts.OK, o.Counts.Failed = 0, tasks
	}
	r.duration(&o)
	r.costs(&o)
	e := s.GetEvents()
	o.Set("maps_run", float64(s.GetMaps()))
	o.Set("attempts", float64(e.GetAttempts()))
	o.Set("backups", float64(e.GetBackups()))
	o.Set("backup_wins", float64(e.GetBackupWins()))
	o.Set("reruns", float64(e.GetReruns()))
	o.Set("spilled_runs", float64(s.GetCounters().GetSpilledRuns()))
	return o, nil
}

// observeBlind is for workers that another program plays: the output is held
// against what must come out, and the time against the clocks around the job.
func (r *outcome) observeBlind(v systems.Values, want *expectation, whole time.Duration) (record.Observation, error) {
	var o record.Observation
	checks, _, err := want.check(v.Text(config.KnobJob), r.config.Out, r.config.Reduces())
	if err != nil {
		return o, err
	}
	o.Verdict = record.Judge(checks...)
	tasks := int64(r.summary.GetMaps()) + int64(r.config.Reduces())
	o.Counts = record.Counts{Offered: tasks, Sent: tasks, OK: tasks}
	if o.Verdict.Status == record.Invalid {
		o.Counts.OK, o.Counts.Failed = 0, tasks
	}
	o.Evidence = &record.Evidence{Facts: map[string]float64{
		factWholeS: whole.Seconds(), factProcessS: float64(r.witness.gone-r.witness.began) / 1e9,
	}}
	o.Set("wall_s", r.wall.Seconds())
	return o, nil
}

func (r *outcome) duration(o *record.Observation) {
	o.Set("time_s", r.seconds())
	o.Set("wall_s", r.wall.Seconds())
	o.Set("map_s", seconds(r.summary.GetMapNs()))
	o.Set("reduce_s", seconds(r.summary.GetReduceNs()))
	o.Set("idle_share", r.idleShare())
	o.Set("mb_per_s", megabytes(r.summary.GetCounters().GetInputBytes())/r.seconds())
}

// idleShare is the share of the workers' time in which they had no task that
// counted.
func (r *outcome) idleShare() float64 {
	return 1 - seconds(r.summary.GetBusyNs())/(r.seconds()*float64(r.workers))
}

// speedUp compares the job with the same by one worker. When that one has no
// task, nothing is done that several could share: Amdahl's serial part.
func (r *outcome) speedUp(o *record.Observation, alone *outcome) {
	serial := alone.idleShare()
	n := float64(min(r.workers, runtime.NumCPU()))
	o.Set("speedup", alone.seconds()/r.seconds())
	o.Set("serial_share", serial)
	o.Set("amdahl_speedup", 1/(serial+(1-serial)/n))
}

func (r *outcome) costs(o *record.Observation) {
	s := r.summary
	cpu, peak := s.GetMaster().GetCpuNs(), s.GetMaster().GetPeakRssBytes()
	var names []string
	var tasks []float64
	for _, w := range s.GetWorkers() {
		cpu += w.GetUsage().GetCpuNs()
		peak = max(peak, w.GetUsage().GetPeakRssBytes())
		names = append(names, w.GetName())
		tasks = append(tasks, float64(w.GetMapsDone()+w.GetReducesDone()))
	}
	o.SetVector("worker_tasks", names, tasks)
	o.Set("cpu_s", seconds(cpu))
	o.Set("master_cpu_s", seconds(s.GetMaster().GetCpuNs()))
	o.Set("cpu_ns_per_byte", float64(cpu)/float64(max(1, s.GetCounters().GetInputBytes())))
	o.Set("peak_mb", megabytes(peak))
	o.Set("shuffle_mb", megabytes(s.GetCounters().GetRunBytes()))
	o.Set("skew", skew(s))
	var labels []string
	var read []float64
	for x, n := range s.GetReduceBytes() {
		labels = append(labels, strconv.Itoa(x))
		read = append(read, megabytes(n))
	}
	o.SetVector("reduce_mb", labels, read)
}

// skew is how much more the largest reduce task read than the mean.
func skew(s *mapreducev1.Summary) float64 {
	var most, sum int64
	for _, n := range s.GetReduceBytes() {
		most, sum = max(most, n), sum+n
	}
	if sum == 0 {
		return 1
	}
	return float64(most) * float64(len(s.GetReduceBytes())) / float64(sum)
}

// books holds the counters against each other and against what was counted in
// the input.
func (r *outcome) books(want *expectation) record.Check {
	c := r.summary.GetCounters()
	switch {
	case c.GetOutputLines() != want.total:
		return record.Fail("counters", c.GetPairs(), "the counters tell of %d lines, want %d", c.GetOutputLines(), want.total)
	case c.GetPairs() != want.values:
		return record.Fail("counters", c.GetPairs(), "the counters tell of %d pairs, the input makes %d", c.GetPairs(), want.values)
	case c.GetSkipped() != 0:
		return record.Fail("counters", c.GetPairs(), "%d records were skipped", c.GetSkipped())
	}
	if read := sumOf(r.summary.GetReduceBytes()); read != c.GetRunBytes() {
		return record.Fail("counters", c.GetPairs(), "map tasks left %d bytes and reduce tasks read %d", c.GetRunBytes(), read)
	}
	return record.Pass("counters", c.GetPairs())
}

func sumOf(list []int64) (sum int64) {
	for _, n := range list {
		sum += n
	}
	return sum
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }

// witness is what the process that waits for a job sees of it, by its own clock
// and from outside the processes that do it. Moments are nanoseconds since 1970.
type witness struct {
	began int64 // before the first process was started
	over  int64 // the news that the job is over has come
	gone  int64 // all processes have ended

	published int64 // the file system's stamp of the output folder: the last output has got its name
	ledgers   [][]byte
	told      []byte   // the master's, where another program stands in for the workers
	struck    []stroke // what befell workers

	mu   sync.Mutex
	peak int64 // most resident memory of one process, in bytes
}

// stroke is a fault that struck.
type stroke struct {
	worker, kind string
	at           int64
}

// lookPause is the time between two looks at the processes' memory.
const lookPause = 20 * time.Millisecond

// look notes how much memory processes have held so far.
func (w *witness) look(pids []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pid := range pids {
		w.peak = max(w.peak, ledger.PeakRSS(strconv.Itoa(pid)))
	}
}

// watchMemory looks at processes and their children until the context ends.
func (w *witness) watchMemory(ctx context.Context, processes func() []systems.Process) {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for {
		var pids []int
		for _, p := range processes() {
			pids = append(append(pids, p.PID()), sample.Children(p.PID())...)
		}
		w.look(pids)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
