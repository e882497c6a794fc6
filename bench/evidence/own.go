package evidence

import (
	"math"
	"slices"
	"strings"

	"dyno/internal/record"
)

// Law makes a road of a system's own law, which is asked where a trial has
// evidence. See [record.Road] for what its check may say.
func Law(text string, hold func(metric string, o *record.Observation, e *record.Evidence) record.Check) record.Road {
	return road(text, hold)
}

// Room says what of two bounds around a figure is proof that it is the truth, or
// near it; the zero value asks for no more than that it lies between them.
type Room struct {
	Less float64 // the upper bound refutes that this share of the truth was left out; 0: it need not
	More float64 // the lower bound refutes that this share of the truth was added; 0: it need not
	Abs  float64 // bounds no further apart than this are close enough
}

// Between is the check that a figure lies between two bounds that hold whatever
// happened between the moments at which they were gathered: a contradiction is
// certain. Bounds with more room than is allowed prove nothing.
func (r Room) Between(got, least, most float64) record.Check {
	slack := rounding * math.Max(math.Abs(least), math.Abs(most))
	if got < least-slack || got > most+slack {
		return record.Fail("", 1, "reported %.6g, it must lie between %.6g and %.6g", got, least, most)
	}
	less := r.Less > 0 && most > got/(1-r.Less)
	more := r.More > 0 && least < got/(1+r.More)
	if (less || more) && most-least > r.Abs {
		return record.Doubt("", 1, "it lies between %.6g and %.6g, which is too far apart to prove %.6g", least, most, got)
	}
	return record.Pass("", 1)
}

// CPUBeside is [CPU] for a figure that leaves some of its processes' CPU time
// out: the fact says how many seconds, so that the sum of both is held.
func CPUBeside(fact string, per Per, roles ...string) record.Road {
	text := "CPU clocks of " + strings.Join(roles, ", ") + ", read by the engine"
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		factor, ok := per(o, e)
		beside, told := e.Facts[fact]
		if !ok || !told {
			return record.Doubt("", 0, "the evidence has nothing to divide by, or no %s", fact)
		}
		all := slices.DeleteFunc(slices.Clone(e.Processes), func(p record.ProcessEvidence) bool { return !slices.Contains(roles, p.Role) })
		return within(o.Scalars[metric]/factor+beside, e, all)
	})
}
