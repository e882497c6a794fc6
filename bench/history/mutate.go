package history

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"dyno/internal/record"
)

// Mutant plants one kind of fault in a correct history.
type Mutant[H any] struct {
	Name string
	// Plant puts the fault into h, in place or not, and returns the result; ok
	// is false when h has no place where the fault would certainly be one. A
	// mutant that may leave the history correct is of no use: it could not be
	// held against the checker that it was not caught.
	Plant func(h H, r *rand.Rand) (mutated H, ok bool)
}

// Suite holds a checker against a simulated system: correct histories must
// pass, and every mutant of them must be caught, every time. A checker that was
// never seen to fail proves nothing.
type Suite[H any] struct {
	Generate func(r *rand.Rand) H // a history of a correct system, the same for the same r
	Check    func(h H) []record.Check
	Mutants  []Mutant[H]
}

// Score is how one mutant fared.
type Score struct {
	Mutant  string
	Planted int    // histories that had a place for it
	Caught  int    // of them, those that were judged invalid
	Missed  uint64 // the first seed at which it was not, when Caught < Planted
}

// Report is what a suite showed.
type Report struct {
	Histories   int    // correct ones
	FalseAlarms int    // of them, those that were not judged valid
	FirstAlarm  string // the seed and the reasons of the first
	Scores      []Score
}

// Run judges one correct history and one of each mutant for n seeds from seed.
func (s Suite[H]) Run(seed uint64, n int) Report {
	r := Report{Scores: make([]Score, len(s.Mutants))}
	for at := seed; at < seed+uint64(n); at++ {
		r.Histories++
		if v := record.Judge(s.Check(s.Generate(chance(at)))...); v.Status != record.Valid {
			if r.FalseAlarms == 0 {
				r.FirstAlarm = fmt.Sprintf("seed %d: %s: %q", at, v.Status, v.Reasons())
			}
			r.FalseAlarms++
		}
		for i, m := range s.Mutants {
			s.try(m, at, &r.Scores[i])
		}
	}
	return r
}

func (s Suite[H]) try(m Mutant[H], seed uint64, score *Score) {
	score.Mutant = m.Name
	h, ok := m.Plant(s.Generate(chance(seed)), chance(^seed))
	if !ok {
		return
	}
	score.Planted++
	if record.Judge(s.Check(h)...).Status == record.Invalid {
		score.Caught++
	} else if score.Caught == score.Planted-1 {
		score.Missed = seed
	}
}

func chance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Err says what is wrong with the checker: a false alarm, a mutant that got
// away, one that never found a place.
func (r Report) Err() error {
	var errs []error
	if r.FalseAlarms > 0 {
		errs = append(errs, fmt.Errorf("%d of %d correct histories were not judged valid: %s", r.FalseAlarms, r.Histories, r.FirstAlarm))
	}
	for _, s := range r.Scores {
		switch {
		case s.Planted == 0:
			errs = append(errs, fmt.Errorf("mutant %q was never planted: it shows nothing", s.Mutant))
		case s.Caught < s.Planted:
			errs = append(errs,
				fmt.Errorf("mutant %q got away in %d of %d histories, first with seed %d", s.Mutant, s.Planted-s.Caught, s.Planted, s.Missed))
		}
	}
	return errors.Join(errs...)
}
