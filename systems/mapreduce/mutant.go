package mapreduce

import (
	"dyno/systems"
	"dyno/systems/mapreduce/job"
)

// The mutants: ways to be wrong on purpose, so that the checks are seen to find
// it: experiment mr-controls.
const (
	mutantNone    = "none"
	mutantHurried = "hurried" // the master takes a quarter off the time of its job
	mutantIdle    = "idle"    // processes tell half of the processor time that they used
	mutantDropped = "dropped" // reduce tasks drop one record of every key of a kind
	mutantMisread = "misread" // the output of an earlier job is compared, not that of this one
)

var mutants = systems.Choice{mutantNone, mutantHurried, mutantIdle, mutantDropped, mutantMisread}

// declareMutant makes the flag by which roles are told what is wrong with them.
func declareMutant(fs systems.FlagSet) *string {
	mutant := mutantNone
	fs.Func("mutant", "what is wrong with it on purpose (default none)", func(text string) (err error) {
		mutant, err = mutants.Parse(text)
		return err
	})
	return &mutant
}

// dropping drops the first record of every key that begins with one of a few
// letters.
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
