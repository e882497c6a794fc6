package mapreduce

import (
	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/mapreduce/core/job"
)

// What is wrong on purpose, for experiment mr-controls to show that the checks
// find it: lies of this system's own, beside those of package lie, and mutants,
// which do something wrong.
const (
	lieShortened   = "shortened-time" // the master takes a quarter off the time of its job
	lieOtherOutput = "other-output"   // the output of an earlier job is compared, not that of this one

	mutantNone    = "none"
	mutantDropped = "dropped-records" // reduce tasks drop one record of every key of a kind
)

var (
	lies    = systems.Choice{lie.None, lieShortened, lie.HalvedCPU, lieOtherOutput}
	mutants = systems.Choice{mutantNone, mutantDropped}
)

// wrong says what is wrong on purpose with the processes of a job.
type wrong struct{ lie, mutant string }

// nothingWrong is how things are outside of controls.
var nothingWrong = wrong{lie.None, mutantNone}

// declare makes the flags by which a role is told.
func (w *wrong) declare(fs systems.FlagSet) {
	*w = nothingWrong
	fs.Func("lie", "what to say falsely on purpose, for a trial's checks to find (default none)", func(text string) (err error) {
		w.lie, err = lies.Parse(text)
		return err
	})
	fs.Func("mutant", "what to do wrong on purpose, likewise (default none)", func(text string) (err error) {
		w.mutant, err = mutants.Parse(text)
		return err
	})
}

// args are those flags.
func (w wrong) args() []string { return []string{"--lie", w.lie, "--mutant", w.mutant} }

// dropping drops the first record of every key whose first byte is one of some.
func dropping(p job.Program) job.Program {
	reduce := p.Reduce
	p.Reduce = func(key []byte, values *job.Values, out *job.Output) {
		if len(key) > 0 && key[0]%8 == 0 {
			if p.Texts {
				_, _ = values.Text()
			} else {
				_, _ = values.Number()
			}
		}
		reduce(key, values, out)
	}
	return p
}
