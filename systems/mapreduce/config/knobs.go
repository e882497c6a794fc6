package config

import (
	"dyno/bench/fault"
	"dyno/bench/lie"
	"dyno/systems"
)

// Names of the knobs.
const (
	KnobEngine    = "engine"
	KnobJob       = "job"
	KnobReduces   = "reduces"
	KnobWorkers   = "workers"
	KnobMaps      = "maps"
	KnobInput     = "input"
	KnobFiles     = "files"
	KnobDistinct  = "distinct"
	KnobScripts   = "scripts"
	KnobSplitSize = "split-size"
	KnobMemory    = "memory"
	KnobShuffle   = "shuffle"
	KnobFault     = "fault"
	KnobBackups   = "backups"
	KnobCombiner  = "combiner"
	KnobBaseline  = "baseline"
	KnobMutant    = "mutant"
	KnobLie       = "lie"
)

// The programs that do a job without this system.
const (
	EngineDyno       = "dyno"
	EngineLimit      = "go-limit"
	EngineSequential = "go-sequential"
	EngineCoreutils  = "coreutils"
	EngineMawk       = "mawk"
)

// Peers are the engines that are not this system.
var Peers = systems.Choice{EngineLimit, EngineSequential, EngineCoreutils, EngineMawk}

// The letters of a text.
const (
	ScriptsMixed = "mixed"
	ScriptsLatin = "latin"
)

// The faults of a trial, in the words of package fault; slow is stopped for most
// of the time.
const (
	FaultNone  = "none"
	FaultKill  = string(fault.Kill)
	FaultPause = string(fault.Pause)
	FaultSlow  = "slow"
)

var (
	faults = systems.Choice{FaultNone, FaultKill, FaultPause, FaultSlow}
	onOff  = systems.Choice{"on", "off"}
)

// Knobs are those of the system.
var Knobs = systems.Knobs{
	{
		Name: KnobEngine, Default: EngineDyno, Type: append(systems.Choice{EngineDyno}, Peers...),
		Help: "who does it: this system, or a peer (some jobs, one file but for an index, Latin letters, no faults)",
	},
	{Name: KnobJob, Default: "wordcount", Type: systems.Choice(jobNames()), Help: "what is computed"},
	{Name: KnobReduces, Default: "4", Type: systems.Int{Min: 1, Max: maxReduces}, Help: "how many reduce tasks, and output files"},
	{Name: KnobWorkers, Default: "2", Type: systems.Int{Min: 1, Max: MaxWorkers}, Help: "how many worker processes"},
	{
		Name: KnobMaps, Default: "0", Type: systems.Int{Min: 0, Max: MaxMaps},
		Help: "about how many map tasks; 0: as many as the split size makes",
	},
	{Name: KnobInput, Unit: "MB", Default: "4", Type: systems.Float{Min: 0.001, Max: 4000}, Help: "how much text"},
	{Name: KnobFiles, Default: "2", Type: systems.Int{Min: 1, Max: 1000}, Help: "how many files the text is in"},
	{
		Name: KnobDistinct, Default: "20000", Type: systems.Int{Min: 2, Max: 100_000_000},
		Help: "how many different words there are to draw from",
	},
	{
		Name: KnobScripts, Default: ScriptsMixed, Type: systems.Choice{ScriptsMixed, ScriptsLatin},
		Help: "letters of the text: every second file has words of all scripts and bytes that are not UTF-8 (mixed), or none (latin)",
	},
	{
		Name: KnobSplitSize, Unit: "KiB", Default: "1024", Type: systems.Size{Unit: "KiB", Min: 1, Max: 1 << 30},
		Help: "larger files are cut into map tasks of about this size",
	},
	{Name: KnobMemory, Unit: "MiB", Default: "64", Type: systems.Size{Unit: "MiB", Min: 1, Max: 1 << 20}, Help: "budget of a task"},
	{Name: KnobShuffle, Default: "files", Type: shuffles, Help: "how map output reaches reduce tasks"},
	{
		Name: KnobFault, Default: FaultNone, Breaks: true, Type: faults,
		Help: "what happens to the first worker: killed or stopped at half of the map tasks, or a tenth as fast",
	},
	{Name: KnobBackups, Default: "on", Type: onOff, Help: "second attempts at tasks whose worker is slow or silent"},
	{Name: KnobCombiner, Default: "on", Type: onOff, Help: "values of a key are combined on the map side"},
	{
		Name: KnobBaseline, Default: "off", Type: onOff,
		Help: "the same job with one worker right before, for the speed-up and Amdahl's prediction of it",
	},
	{Name: KnobMutant, Default: MutantNone, Type: mutants, Help: "what is done wrong on purpose, for the checks to find"},
	{
		Name: KnobLie, Default: lie.None, Type: lies,
		Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing",
	},
}

// What is wrong on purpose, for experiment mr-controls to show that the checks
// find it: lies of this system's own, beside those of package lie, and mutants,
// which do something wrong.
const (
	LieShortened   = "shortened-time" // the master takes a quarter off the time of its job
	LieOtherOutput = "other-output"   // the output of an earlier job is compared, not that of this one

	MutantNone    = "none"
	MutantDropped = "dropped-records" // reduce tasks drop one record of every key of a kind
	MutantHashed  = "hashed-keys"     // map tasks spread keys by their hash, not by the ranges of an ordered job
)

var (
	lies    = systems.Choice{lie.None, LieShortened, lie.HalvedCPU, LieOtherOutput}
	mutants = systems.Choice{MutantNone, MutantDropped, MutantHashed}
)
