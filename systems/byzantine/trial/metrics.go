package trial

import (
	"dyno/bench/evidence"
	"dyno/internal/record"
	"dyno/systems/byzantine/cluster"
)

// Metrics are those of the system.
var Metrics = []record.Metric{
	{
		Name: "agreement_share", Kind: record.KindScalar, Unit: "1", Better: record.Higher,
		Help: "runs in which all loyal generals decided the same, and what a loyal commander ordered, divided by all runs",
		Road: agreementRoad(),
	},
	{
		Name: "runs", Kind: record.KindScalar, Unit: "runs",
		Help: "runs in the window",
		Road: runsRoad(),
	},
	{
		Name: "run", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
		Help: "from the start of the first round to the last decision",
		Road: evidence.All(evidence.Spans(), watchedLaw()),
	},
	{
		Name: "run_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "the same, mean: also where there are too few runs for a percentile",
		Road: meanRoad(),
	},
	{
		Name: "values", Kind: record.KindScalar, Unit: "values", Better: record.Lower,
		Help: "values carried in a run, mean",
		Road: trafficRoad("values", 1, heardValues),
	},
	{
		Name: "messages", Kind: record.KindScalar, Unit: "messages", Better: record.Lower,
		Help: "batches sent in a run, one per sender, receiver and round, mean",
		Road: messagesRoad(),
	},
	{
		Name: "kilobytes", Kind: record.KindScalar, Unit: "kB", Better: record.Lower,
		Help: "size of all batches of a run, mean",
		Road: evidence.All(trafficRoad("bytes", 1e3, scalar("kilobytes")), socketLaw()),
	},
	{
		Name: "cpu_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "CPU time of all generals per run, telling them their parts included",
		Road: evidence.CPUBeside(factBetween, perRun, cluster.RoleName, roleMemory),
	},
	{
		Name: "dropped", Kind: record.KindScalar, Unit: "messages",
		Help: "messages dropped in a run for breaking the rules, mean",
		Road: trafficRoad("values", 1, heardValues),
	},
	{
		Name: "theory_values", Kind: record.KindScalar, Unit: "values",
		Help: "values that the formula asks for",
		Road: formulaRoad(),
	},
}
