package mapreduce

import (
	"dyno/internal/record"
	"dyno/systems"
)

// Names of the knobs.
const (
	knobEngine    = "engine"
	knobJob       = "job"
	knobReduces   = "reduces"
	knobWorkers   = "workers"
	knobMaps      = "maps"
	knobInput     = "input"
	knobFiles     = "files"
	knobDistinct  = "distinct"
	knobSplitSize = "split-size"
	knobMemory    = "memory"
	knobShuffle   = "shuffle"
	knobFault     = "fault"
	knobBackups   = "backups"
	knobCombiner  = "combiner"
	knobBaseline  = "baseline"
)

// The faults of a trial.
const (
	faultNone = "none"
	faultKill = "kill"
	faultStop = "stop"
	faultSlow = "slow"
)

var (
	faults = systems.Choice{faultNone, faultKill, faultStop, faultSlow}
	onOff  = systems.Choice{"on", "off"}
)

var knobs = []systems.Knob{
	{Name: knobEngine, Default: engineDyno, Type: append(systems.Choice{engineDyno}, peers...), Help: "who counts: this system, or a peer (only words, only one file of one script, no faults)"},
	{Name: knobJob, Default: "wordcount", Type: systems.Choice(jobNames()), Help: "what is computed"},
	{Name: knobReduces, Default: "4", Type: systems.Int{Min: 1, Max: maxReduces}, Help: "how many reduce tasks, and output files"},
	{Name: knobWorkers, Default: "2", Type: systems.Int{Min: 1, Max: maxWorkers}, Help: "how many worker processes"},
	{Name: knobMaps, Default: "0", Type: systems.Int{Min: 0, Max: 10_000}, Help: "about how many map tasks; 0: as many as the split size makes"},
	{Name: knobInput, Unit: "MB", Default: "4", Type: systems.Float{Min: 0.001, Max: 4000}, Help: "how much text"},
	{Name: knobFiles, Default: "2", Type: systems.Int{Min: 1, Max: 1000}, Help: "how many files the text is in"},
	{Name: knobDistinct, Default: "20000", Type: systems.Int{Min: 2, Max: 100_000_000}, Help: "how many different words there are to draw from"},
	{Name: knobSplitSize, Unit: "KiB", Default: "1024", Type: systems.Int{Min: 1, Max: 1 << 20}, Help: "larger files are cut into map tasks of about this size"},
	{Name: knobMemory, Unit: "MiB", Default: "64", Type: systems.Int{Min: 1, Max: 1 << 14}, Help: "budget of a task"},
	{Name: knobShuffle, Default: "files", Type: shuffles, Help: "how map output reaches reduce tasks"},
	{Name: knobFault, Default: faultNone, Type: faults, Help: "what happens to the first worker: killed or stopped at half of the map tasks, or a tenth as fast"},
	{Name: knobBackups, Default: "on", Type: onOff, Help: "second attempts at tasks whose worker is slow or silent"},
	{Name: knobCombiner, Default: "on", Type: onOff, Help: "values of a key are combined on the map side"},
	{Name: knobBaseline, Default: "off", Type: onOff, Help: "the same job with one worker right before, for the speed-up and Amdahl's prediction of it"},
}

var metrics = []record.Metric{
	{Name: "time_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "from the first worker's hello to the publication of the output"},
	{Name: "wall_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "the same, and the start and end of all processes"},
	{Name: "map_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "from the first worker's hello to the end of the last map task"},
	{Name: "reduce_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "from then to the publication; with the shuffle, which reduce tasks do as they read"},
	{Name: "idle_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "share of the workers' time in which they had no task that counted: waiting for the last of a phase, and for answers"},
	{Name: "mb_per_s", Kind: record.KindScalar, Unit: "MB/s", Better: record.Higher, Help: "input divided by time_s"},
	{Name: "cpu_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "processor time of master and workers, as they tell it themselves"},
	{Name: "master_cpu_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "processor time of the master"},
	{Name: "cpu_ns_per_byte", Kind: record.KindScalar, Unit: "ns/B", Better: record.Lower, Help: "cpu_s divided by the input"},
	{Name: "peak_mb", Kind: record.KindScalar, Unit: "MB", Better: record.Lower, Help: "most resident memory of any one process"},
	{Name: "shuffle_mb", Kind: record.KindScalar, Unit: "MB", Better: record.Lower, Help: "what finished map tasks left for the reduce tasks"},
	{Name: "skew", Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "bytes that the largest reduce task read, divided by the mean"},
	{Name: "reduce_mb", Kind: record.KindVector, Unit: "MB", Help: "per reduce task: bytes read"},
	{Name: "worker_tasks", Kind: record.KindVector, Unit: "tasks", Help: "per worker: attempts that it finished"},
	{Name: "maps_run", Kind: record.KindScalar, Unit: "tasks", Help: "map tasks of the job"},
	{Name: "attempts", Kind: record.KindScalar, Unit: "tasks", Better: record.Lower, Help: "attempts at tasks, of both phases"},
	{Name: "backups", Kind: record.KindScalar, Unit: "tasks", Help: "attempts started while another was under way"},
	{Name: "backup_wins", Kind: record.KindScalar, Unit: "tasks", Help: "of those, finished first"},
	{Name: "reruns", Kind: record.KindScalar, Unit: "tasks", Better: record.Lower, Help: "tasks that had to be done again because a worker or its output was lost"},
	{Name: "spilled_runs", Kind: record.KindScalar, Unit: "runs", Better: record.Lower, Help: "sorted runs written because the memory budget was reached"},
	{Name: "added_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower, Help: "time_s less that of the same job without the fault, run right before"},
	{Name: "added_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "added_s divided by the time without the fault"},
	{Name: "speedup", Kind: record.KindScalar, Unit: "1", Better: record.Higher, Help: "time_s of the same job with one worker, run right before, divided by time_s"},
	{Name: "serial_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "share of that one worker's time without a task: joining, answers, publication; more workers do not shorten it"},
	{Name: "amdahl_speedup", Kind: record.KindScalar, Unit: "1", Help: "theory: 1 / (serial_share + (1 - serial_share) / n), n the workers or, if fewer, the cores"},
}
