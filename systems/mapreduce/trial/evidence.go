package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"dyno/internal/record"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/ledger"
)

// Names of facts; those that say so come with the suffixes of two bounds.
const (
	factWholeS   = "whole_s"       // around the whole job, with the start of its processes
	factInputB   = "input_b"       // size of the input files
	factRunsB    = "runs_b"        // size of the runs on disk
	factReduceMB = "reduce_mb"     // with /REDUCE: size of the runs of a reduce task
	factTasks    = "worker_tasks"  // with /WORKER: attempts that it reported as finished
	factPeakB    = "peak_b"        // most memory of a process, as seen from outside
	factProcessS = "processes_s"   // around the life of all processes
	factCores    = "cores"         // of this machine
	factFetchedB = "fetched_b"     // bounds: bytes of runs that reduce tasks fetched from other workers, those that were given up included
	factControlB = "control_b"     // most bytes that workers may say beside
	factSpareS   = "spare_cpu_s"   // CPU seconds that a process may have used beside what it tells
	factUntoldS  = "untold_cpu_s"  // and that workers may have used which never joined
	factMaps     = "maps_finished" // different map tasks that workers reported as done
	factGot      = "attempts_got"  // that reached a worker
	factExtra    = "attempts_again"
	factFailed   = "attempts_failed"
	factWins     = "later_first"
	factSpilled  = "spilled"    // bounds
	factTime     = "time"       // bounds, seconds; also of other jobs, by prefix
	factMap      = "map"        // bounds, seconds
	factReduce   = "reduce"     // bounds, seconds
	factAgain    = "maps_again" // 1: map tasks were done again once reduce tasks had begun
	factBusy     = "busy"       // bounds, seconds; by prefix
	factWorkers  = "workers"    // by prefix

	least = "_least"
	most  = "_most"
)

// CPU seconds that a process may use beside what it tells: at its end; where
// there are faults, since its last word before it was killed, or once it goes
// on; and from its start, if the job was over before it could say hello.
const (
	spareCPU = 0.01
	lostCPU  = 0.05
	startCPU = 0.1
)

// evidence is what the figures of the job are held against. It comes from the
// clock of the trial, the workers' ledgers and the files: not from the master.
func (r *outcome) evidence(fault string) (*record.Evidence, error) {
	w, t := r.witness, r.told()
	f := map[string]float64{
		factProcessS: float64(w.gone-w.began) / 1e9, factPeakB: float64(w.peak),
		factCores: float64(runtime.NumCPU()), factSpareS: spareCPU, factUntoldS: startCPU * float64(t.strangers),
		factMaps: float64(finished(t.maps)), factGot: float64(len(t.tries)), factFailed: float64(t.failed),
		factExtra: float64(len(t.tries) - len(t.maps) - len(t.reduces)), factWins: float64(t.wins()),
	}
	if fault != config.FaultNone {
		f[factSpareS] += lostCPU
	}
	for _, name := range r.config.Files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		f[factInputB] += float64(info.Size())
	}
	r.runs(f)
	r.fetched(f)
	r.times(f, "")
	r.phases(f)
	r.busy(f, "")
	for name, n := range t.done {
		f[factTasks+"/"+name] = float64(n)
	}
	low, high := t.bounds(func(m *ledger.Made) int64 { return m.Spilled })
	f[factSpilled+least], f[factSpilled+most] = float64(low), float64(high)
	return &record.Evidence{Facts: f}, nil
}

// told is what the workers tell.
func (r *outcome) told() *tally {
	if r.tally == nil {
		r.tally = tallied(r.witness.ledgers)
	}
	return r.tally
}

// note notes two bounds of a time.
func note(f map[string]float64, name string, low, high int64) {
	f[name+least], f[name+most] = float64(low)/1e9, float64(high)/1e9
}

// times notes how long the job took, by the clocks of those who were there.
// What nobody knows is left out.
func (r *outcome) times(f map[string]float64, prefix string) {
	w, t := r.witness, r.told()
	if t.hello == 0 || t.welcome == 0 {
		return
	}
	// The file system's stamp is of the last tick, so the output was published
	// at that moment or later, and before the news came.
	note(f, prefix+factTime, w.published-t.welcome, earliest(w.over, t.over)-t.hello)
}

// phases notes how the two phases shared the time.
func (r *outcome) phases(f map[string]float64) {
	w, t := r.witness, r.told()
	if t.hello == 0 || t.welcome == 0 {
		return
	}
	over := earliest(w.over, t.over)
	low, high, again := t.mapsOver(over)
	if f[factAgain] = 0; again {
		f[factAgain] = 1
	}
	note(f, factMap, low-t.welcome, high-t.hello)
	note(f, factReduce, w.published-high, over-low)
}

// busy notes for how long the workers had tasks that may have counted.
func (r *outcome) busy(f map[string]float64, prefix string) {
	t := r.told()
	f[prefix+factWorkers] = float64(r.workers)
	if t.impossible() == "" {
		low, high := t.bounds(func(m *ledger.Made) int64 { return m.WallNs })
		note(f, prefix+factBusy, low, high)
	}
}

// runs notes the sizes of all runs that map tasks have left.
func (r *outcome) runs(f map[string]float64) {
	files, err := filepath.Glob(filepath.Join(r.config.Layout().Scratch(), "runs-*", "mr-*"))
	if err != nil || len(files) == 0 {
		return
	}
	found := 0
	for _, name := range files {
		var job string
		var m, x int
		info, err := os.Stat(name)
		if n, scanErr := fmt.Sscanf(filepath.Base(name), "mr-%8s-%d-%d", &job, &m, &x); err != nil || scanErr != nil || n != 3 {
			continue
		}
		if filepath.Base(name) != filepath.Base(config.RunPath("", job, m, x)) {
			continue // a temporary file that somebody left
		}
		found++
		f[factRunsB] += float64(info.Size())
		f[factReduceMB+"/"+strconv.Itoa(x)] += megabytes(info.Size())
	}
	if found != int(r.summary.GetMaps())*r.config.Reduces() {
		delete(f, factRunsB) // not all are there: nothing can be said
	}
}

// What a worker may write to its sockets beside runs, at most, in bytes: for
// itself, for an attempt and each run of it, and for beats in a second.
const (
	workerControl  = 64 << 10
	attemptControl = 2 << 10
	runControl     = 64
	beatControl    = 16 << 10
)

// fetched notes how many bytes of runs went from worker to worker. Attempts that
// came to nothing have fetched something, too: at most all that there is.
func (r *outcome) fetched(f map[string]float64) {
	t := r.told()
	var sum, lost int64
	for _, a := range t.tries {
		switch {
		case a.result != nil:
			sum += a.result.Fetched
		case a.phase == plan.Reduce:
			lost++
		}
	}
	f[factFetchedB+least], f[factFetchedB+most] = float64(sum), float64(sum)
	if r.config.Stream() {
		f[factFetchedB+most] += float64(lost) * f[factRunsB]
	}
	f[factControlB] = float64(r.workers)*(workerControl+beatControl*r.wall.Seconds()) +
		float64(len(t.tries))*float64(attemptControl+runControl*max(r.config.Reduces(), int(r.summary.GetMaps())))
}

// checkPublished is the check that what was compared is what was published.
const checkPublished = "read-is-published"

// isPublished: the files that were read are those that reduce tasks say they
// have written, by identity, size and checksum, and there is no other one.
func (r *outcome) isPublished(read []ledger.File) record.Check {
	var n int64
	for x, seen := range read {
		var told []ledger.File
		for _, a := range r.told().reduces[int32(x)] {
			if a.result != nil && a.result.Output != nil {
				told = append(told, *a.result.Output)
			}
		}
		if len(told) == 0 {
			return record.Doubt(checkPublished, n, "no worker has said that it wrote output %d", x)
		}
		if !slices.Contains(told, seen) {
			return record.Fail(checkPublished, n, "output %d was read as %+v, its worker wrote %+v", x, seen, told[len(told)-1])
		}
		n++
	}
	names, err := filepath.Glob(filepath.Join(r.config.Out, "mr-out-*"))
	if err != nil || len(names) != len(r.told().reduces) || len(names) != len(read) {
		return record.Fail(checkPublished, n, "%d files were read, %d are published, workers had %d reduce tasks",
			len(read), len(names), len(r.told().reduces))
	}
	return record.Pass(checkPublished, n)
}
