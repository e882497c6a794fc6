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

// Wrong says what is wrong on purpose with the processes of a job.
type Wrong struct{ Lie, Mutant string }

// NothingWrong is how things are outside of controls.
var NothingWrong = Wrong{lie.None, MutantNone}

// Declare makes the flags by which a role is told.
func (w *Wrong) Declare(fs systems.FlagSet) {
	*w = NothingWrong
	fs.Func("lie", "what to say falsely on purpose, for a trial's checks to find (default none)", func(text string) (err error) {
		w.Lie, err = lies.Parse(text)
		return err
	})
	fs.Func("mutant", "what to do wrong on purpose, likewise (default none)", func(text string) (err error) {
		w.Mutant, err = mutants.Parse(text)
		return err
	})
}

// Args are those flags.
func (w Wrong) Args() []string { return []string{"--lie", w.Lie, "--mutant", w.Mutant} }
