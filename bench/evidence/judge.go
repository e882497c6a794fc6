package evidence

import (
	"fmt"
	"math"
	"strings"

	"dyno/internal/record"
)

// Roads is the name of the check that sums up all figures that hold. A figure
// that does not has a check of its own, named by [CheckName].
const Roads = "roads"

// IsRoad says whether a check is about a figure of the bench's, not about what was
// promised.
func IsRoad(check string) bool { return check == Roads || strings.HasPrefix(check, CheckName("")) }

// CheckName is the name of the check of one metric's road, for a negative
// control to be caught by.
func CheckName(metric string) string { return "road-" + metric }

// Judge holds every figure that the trial reports against its road, and the
// trial as a whole against what its processes used. Figures that hold are one
// check together; no road at all makes no check.
func Judge(metrics []record.Metric, o *record.Observation) []record.Check {
	var out []record.Check
	var held []string
	var facts int64
	for _, m := range metrics {
		if m.Road.Hold == nil || !reported(m, o) {
			continue
		}
		c := m.Road.Hold(m.Name, o)
		switch c.Name = CheckName(m.Name); {
		case c.Status == "":
		case record.Judge(c).Status == record.Valid:
			held, facts = append(held, m.Name), facts+c.Examined
		default:
			out = append(out, c)
		}
	}
	if o.Evidence != nil && len(o.Evidence.Processes) > 0 {
		out = append(out, Processes(o)...)
	}
	if len(held) > 0 {
		c := record.Pass(Roads, facts)
		c.Detail = fmt.Sprintf("%d figures, each on a second road: %s", len(held), strings.Join(held, ", "))
		out = append(out, c)
	}
	return out
}

func reported(m record.Metric, o *record.Observation) (ok bool) {
	switch m.Kind {
	case record.KindScalar:
		_, ok = o.Scalars[m.Name]
	case record.KindHistogram:
		_, ok = o.Histograms[m.Name]
	case record.KindVector:
		_, ok = o.Vectors[m.Name]
	case record.KindSeries:
		_, ok = o.Series[m.Name]
	}
	return ok
}

// law is a hold that has evidence to look at.
type law func(metric string, o *record.Observation, e *record.Evidence) record.Check

// road makes one of a law.
func road(text string, l law) record.Road {
	return record.Road{Law: text, Hold: func(metric string, o *record.Observation) record.Check {
		if o.Evidence == nil {
			return record.Doubt("", 0, "the trial brought no evidence")
		}
		return l(metric, o, o.Evidence)
	}}
}

// rounding is what sums of floating-point numbers may differ by.
const rounding = 1e-9

// equal says whether two numbers are the same but for rounding.
func equal(a, b float64) bool {
	return math.Abs(a-b) <= rounding*math.Max(math.Abs(a), math.Abs(b))
}

// Same is for laws that a system makes of its own: the check that a figure is
// what something else makes of it, but for rounding.
func Same(got, want float64, examined int64, source string) record.Check {
	return agree(got, want, examined, source)
}

// agree is the check that a figure is what the evidence makes of it.
func agree(got, want float64, examined int64, source string) record.Check {
	if !equal(got, want) {
		return record.Fail("", max(examined, 1), "reported %.8g, but %s: %.8g", got, source, want)
	}
	return record.Pass("", max(examined, 1))
}

// All is a road with several laws, each of which must hold. Those that do not
// concern a trial are left out.
func All(roads ...record.Road) record.Road {
	var texts []string
	for _, r := range roads {
		texts = append(texts, r.Law)
	}
	return record.Road{Law: strings.Join(texts, "; "), Hold: func(metric string, o *record.Observation) record.Check {
		var worst record.Check
		var examined int64
		for _, r := range roads {
			c := r.Hold(metric, o)
			examined += c.Examined
			if c.Status != "" && (worst.Status == "" || record.Judge(c, worst).Status != record.Judge(worst).Status) {
				worst = c
			}
		}
		worst.Examined = examined
		return worst
	}}
}
