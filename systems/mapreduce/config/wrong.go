package config

import (
	"dyno/bench/lie"
	"dyno/systems"
)

// What is wrong on purpose, for experiment mr-controls to show that the checks
// find it: lies of this system's own, beside those of package lie, and mutants,
// which do something wrong.
const (
	LieShortened   = "shortened-time" // the master takes a quarter off the time of its job
	LieOtherOutput = "other-output"   // the output of an earlier job is compared, not that of this one

	MutantNone    = "none"
	MutantDropped = "dropped-records" // reduce tasks drop one record of every key of a kind
)

var (
	lies    = systems.Choice{lie.None, LieShortened, lie.HalvedCPU, LieOtherOutput}
	mutants = systems.Choice{MutantNone, MutantDropped}
)
