package history

import (
	"math/rand/v2"
	"os"
	"testing"

	"dyno/internal/record"
)

// timing draws when operations of concurrent clients begin, take effect and
// end, and how they come out.
type timing struct {
	client     int32
	seq        int32
	begin, end int64
	effect     int64 // when it takes effect; Never when it does not
	outcome    record.Outcome
}

// timings gives each client perClient operations, one after the other.
func timings(r *rand.Rand, clients, perClient int) []timing {
	return timingsWith(r, clients, perClient, 10)
}

// timingsWith leaves one operation in so many of unknown outcome.
func timingsWith(r *rand.Rand, clients, perClient, unknown int) []timing {
	var out []timing
	for c := range clients {
		now := int64(r.IntN(50))
		for i := range perClient {
			t := timing{client: int32(c), seq: int32(i), begin: now + int64(r.IntN(20))}
			t.end = t.begin + int64(r.IntN(60))
			t.effect = t.begin + r.Int64N(t.end-t.begin+1)
			t.outcome = record.OK
			switch dice := r.IntN(unknown); {
			case dice == 0:
				t.outcome = record.Unknown
				t.effect = t.begin + r.Int64N(400) // may be long after the client gave up
				if r.IntN(3) == 0 {
					t.effect = Never
				}
			case dice == 1 && r.IntN(2) == 0:
				t.outcome, t.effect = record.Failed, Never
			}
			now = t.end
			out = append(out, t)
		}
	}
	return out
}

// soak, when DYNO_HISTORIES is set, tries every suite's full number of
// histories (make soak) and not a quarter of them.
var soak = os.Getenv("DYNO_HISTORIES") != ""

// runSuite holds a suite to its promise and logs its scores.
func runSuite[H any](t *testing.T, s Suite[H], n int) {
	t.Helper()
	if !soak {
		n /= 4
	}
	r := s.Run(1, n)
	t.Logf("%d correct histories, %d false alarms", r.Histories, r.FalseAlarms)
	for _, score := range r.Scores {
		t.Logf("%-28s caught %d of %d", score.Mutant, score.Caught, score.Planted)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

// pick returns a random index for which fits holds.
func pick(r *rand.Rand, n int, fits func(i int) bool) (int, bool) {
	for _, i := range r.Perm(n) {
		if fits(i) {
			return i, true
		}
	}
	return 0, false
}

// pickPair returns a random pair for which fits holds.
func pickPair(r *rand.Rand, n int, fits func(i, j int) bool) (i, j int, ok bool) {
	for _, i := range r.Perm(n) {
		if j, ok := pick(r, n, func(j int) bool { return i != j && fits(i, j) }); ok {
			return i, j, true
		}
	}
	return 0, 0, false
}

// A suite must itself be able to fail.
func TestSuiteBites(t *testing.T) {
	even := func(n int) []record.Check {
		if n%2 != 0 {
			return []record.Check{record.Fail("even", 1, "odd")}
		}
		return []record.Check{record.Pass("even", 1)}
	}
	odd := Mutant[int]{"odd", func(n int, _ *rand.Rand) (int, bool) { return n + 1, true }}
	good := Suite[int]{func(r *rand.Rand) int { return 2 * r.IntN(9) }, even, []Mutant[int]{odd}}
	if err := good.Run(0, 50).Err(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Suite[int]){
		"false alarm": func(s *Suite[int]) { s.Generate = func(*rand.Rand) int { return 1 } },
		"doubt":       func(s *Suite[int]) { s.Check = func(int) []record.Check { return nil } },
		"missed": func(s *Suite[int]) {
			s.Mutants = append(s.Mutants, Mutant[int]{"even", func(n int, _ *rand.Rand) (int, bool) { return n, true }})
		},
		"never planted": func(s *Suite[int]) {
			s.Mutants = append(s.Mutants, Mutant[int]{"none", func(n int, _ *rand.Rand) (int, bool) { return n, false }})
		},
	} {
		s := good
		spoil(&s)
		if s.Run(0, 50).Err() == nil {
			t.Errorf("%s: the suite is content", name)
		}
	}
}
