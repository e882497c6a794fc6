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

// Between is the check that a figure lies between two bounds that hold whatever
// happened between the moments at which they were gathered: a contradiction is
// certain. Bounds that are further apart than a share of the upper one, or than
// an absolute difference if that is more, prove nothing.
func Between(got, least, most, share, difference float64) record.Check {
	slack := rounding * math.Max(math.Abs(least), math.Abs(most))
	switch apart := most - least; {
	case got < least-slack || got > most+slack:
		return record.Fail("", 1, "reported %.6g, it must lie between %.6g and %.6g", got, least, most)
	case apart > slack+math.Max(share*math.Abs(most), difference):
		return record.Doubt("", 1, "it lies between %.6g and %.6g, which is too wide to prove %.6g", least, most, got)
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
