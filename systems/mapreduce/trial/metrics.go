package trial

import (
	"dyno/bench/evidence"
	"dyno/internal/record"
)

// Metrics are those of the system.
var Metrics = []record.Metric{
	{
		Name: "time_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "from the first worker's hello to the publication of the output",
		Road: timeRoad(),
	},
	{
		Name: "wall_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "the same, and the start and end of all processes",
		Road: wallRoad(),
	},
	{
		Name: "map_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "from the first worker's hello to the end of the last map task",
		Road: phaseRoad(factMap, "reduce_s"),
	},
	{
		Name: "reduce_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "from then to the publication; with the shuffle, which reduce tasks do as they read",
		Road: phaseRoad(factReduce, "map_s"),
	},
	{
		Name: "idle_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "share of the workers' time in which they had no task that counted: waiting for the last of a phase, and for answers",
		Road: idleRoad(),
	},
	{
		Name: "mb_per_s", Kind: record.KindScalar, Unit: "MB/s", Better: record.Higher,
		Help: "input divided by time_s",
		Road: again("the size of the files over time_s", func(o observed) float64 {
			return o.fact(factInputB) / 1e6 / o.figure("time_s")
		}),
	},
	{
		Name: "cpu_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "processor time of master and workers, as they tell it themselves",
		Road: processor("all processes", everyProcess, factUntoldS),
	},
	{
		Name: "master_cpu_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "processor time of the master",
		Road: processor("the master", onlyMaster, ""),
	},
	{
		Name: "cpu_ns_per_byte", Kind: record.KindScalar, Unit: "ns/B", Better: record.Lower,
		Help: "cpu_s divided by the input",
		Road: again("cpu_s over the size of the files", func(o observed) float64 {
			return o.figure("cpu_s") * 1e9 / o.fact(factInputB)
		}),
	},
	{
		Name: "peak_mb", Kind: record.KindScalar, Unit: "MB", Better: record.Lower,
		Help: "most resident memory of any one process",
		Road: peakRoad(),
	},
	{
		Name: "shuffle_mb", Kind: record.KindScalar, Unit: "MB", Better: record.Lower,
		Help: "what finished map tasks left for the reduce tasks",
		Road: shuffleRoad(),
	},
	{
		Name: "skew", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "bytes that the largest reduce task read, divided by the mean",
		Road: skewRoad(),
	},
	{
		Name: "reduce_mb", Kind: record.KindVector, Unit: "MB",
		Help: "per reduce task: bytes read",
		Road: evidence.Each(factReduceMB, "the sizes of the runs on disk"),
	},
	{
		Name: "worker_tasks", Kind: record.KindVector, Unit: "tasks",
		Help: "per worker: attempts that it finished",
		Road: tasksRoad(),
	},
	{
		Name: "maps_run", Kind: record.KindScalar, Unit: "tasks",
		Help: "map tasks of the job",
		Road: evidence.Fact(factMaps, "the workers' own tallies"),
	},
	{
		Name: "attempts", Kind: record.KindScalar, Unit: "tasks", Better: record.Lower,
		Help: "attempts at tasks, of both phases",
		Road: attemptsRoad(),
	},
	{
		Name: "backups", Kind: record.KindScalar, Unit: "tasks",
		Help: "attempts started while another was under way",
		Road: secondRoad(),
	},
	{
		Name: "backup_wins", Kind: record.KindScalar, Unit: "tasks",
		Help: "of those, finished first",
		Road: winsRoad(),
	},
	{
		Name: "reruns", Kind: record.KindScalar, Unit: "tasks", Better: record.Lower,
		Help: "tasks that had to be done again because a worker or its output was lost",
		Road: secondRoad(),
	},
	{
		Name: "spilled_runs", Kind: record.KindScalar, Unit: "runs", Better: record.Lower,
		Help: "sorted runs written because the memory budget was reached",
		Road: within("the workers' own tallies", anything, bounds(factSpilled)),
	},
	{
		Name: "added_s", Kind: record.KindScalar, Unit: "s", Better: record.Lower,
		Help: "time_s less that of the same job without the fault, run right before",
		Road: otherRoad("clean_", func(time, added float64) float64 { return time - added }),
	},
	{
		Name: "added_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "added_s divided by the time without the fault",
		Road: otherRoad("clean_", func(time, share float64) float64 { return time / (1 + share) }),
	},
	{
		Name: "speedup", Kind: record.KindScalar, Unit: "1", Better: record.Higher,
		Help: "time of the same job with one worker, run right before, divided by the time with all",
		Road: otherRoad("alone_", func(time, speedup float64) float64 { return time * speedup }),
	},
	{
		Name: "serial_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "share of that one worker's time without a task: joining, answers, publication; more workers do not shorten it",
		Road: serialRoad(),
	},
	{
		Name: "amdahl_speedup", Kind: record.KindScalar, Unit: "1",
		Help: "theory: 1 / (serial_share + (1 - serial_share) / n), n the workers or, if fewer, the cores",
		Road: amdahlRoad(),
	},
}
