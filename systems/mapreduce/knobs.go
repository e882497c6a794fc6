package mapreduce

import (
	"dyno/bench/fault"
	"dyno/bench/lie"
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
	knobMutant    = "mutant"
	knobLie       = "lie"
)

// The faults of a trial, in the words of package fault; slow is stopped for most
// of the time.
const (
	faultNone  = "none"
	faultKill  = string(fault.Kill)
	faultPause = string(fault.Pause)
	faultSlow  = "slow"
)

var (
	faults = systems.Choice{faultNone, faultKill, faultPause, faultSlow}
	onOff  = systems.Choice{"on", "off"}
)

var knobs = systems.Knobs{
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
	{Name: knobMutant, Default: mutantNone, Type: mutants, Help: "what is done wrong on purpose, for the checks to find"},
	{Name: knobLie, Default: lie.None, Type: lies, Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing"},
}
