package evidence

import (
	"math"
	"slices"

	"dyno/internal/record"
)

// Timeline holds a series of rates against the spans of a histogram: its lines,
// what was sent and what of that was OK, must add up to as many operations.
func Timeline(histogram string) record.Road {
	const text = "the operations of the window, added up step by step"
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		d, ok := e.Spans[histogram]
		s := o.Series[metric]
		window := float64(e.End-e.Begin) / 1e9
		if !ok || len(s.Lines) != 2 || window <= 0 {
			return record.Doubt("", 0, "no spans of %s, not two lines, or a window of %.3g s", histogram, window)
		}
		for i, want := range []int64{d.Sent, d.Count} {
			sum := 0.0
			for k, v := range s.Lines[i].Values {
				sum += v * min(s.Step, window-float64(k)*s.Step)
			}
			if math.Abs(sum-float64(want)) > 0.5 { // rates are rounded, operations are whole
				return record.Fail("", want, "%s adds up to %.8g operations, the spans have %d", s.Lines[i].Name, sum, want)
			}
		}
		return record.Pass("", d.Sent)
	})
}

// ErrorShare holds a scalar against what became of all operations, which the
// law of counts holds against both sides of the calls.
func ErrorShare() record.Road {
	const text = "the counts of all operations"
	return road(text, func(metric string, o *record.Observation, _ *record.Evidence) record.Check {
		c := o.Counts
		if c.Sent == 0 {
			return record.Doubt("", 0, "no operation was sent")
		}
		return agree(o.Scalars[metric], float64(c.Sent-c.OK)/float64(c.Sent), c.Sent, text)
	})
}

// Worst holds a series of times against the spans of a histogram: the longest of
// its last line is the longest of all.
func Worst(histogram string) record.Road {
	const text = "the longest time among the spans"
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		d, ok := e.Spans[histogram]
		s := o.Series[metric]
		if !ok || len(s.Lines) == 0 || len(s.Lines[0].Values) == 0 {
			return record.Doubt("", 0, "no spans of %s, or no line", histogram)
		}
		return agree(slices.Max(s.Lines[len(s.Lines)-1].Values), float64(d.Max)/1e6, d.Count, text)
	})
}
