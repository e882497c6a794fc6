package evidence

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"dyno/internal/record"
)

// Calculated is the road of a figure that nobody measured: theory, or a setting.
func Calculated() record.Road { return record.Road{Law: "calculated, not measured"} }

// Fact holds a scalar against a fact of that name, to the last digit. what says
// whose fact it is, for a reader: "the master's own count".
func Fact(fact, what string) record.Road { return Near(fact, what, 0, 0) }

// Near is [Fact] with a tolerance: the larger of a share of the fact and an
// absolute difference in the figure's unit.
func Near(fact, what string, share, abs float64) record.Road {
	return road(what, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		want, ok := e.Facts[fact]
		if !ok {
			return record.Doubt("", 0, "%s is missing (fact %s)", what, fact)
		}
		got := o.Scalars[metric]
		if math.Abs(got-want) <= math.Max(share*math.Abs(want), abs) {
			return record.Pass("", 1)
		}
		return agree(got, want, 1, what)
	})
}

// AtMost holds a scalar against a fact that bounds it from above: the time of a
// job within the time of the process that waited for it.
func AtMost(fact, what string) record.Road {
	return road(what, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		most, ok := e.Facts[fact]
		if !ok {
			return record.Doubt("", 0, "%s is missing (fact %s)", what, fact)
		}
		if got := o.Scalars[metric]; got > most*(1+rounding) {
			return record.Fail("", 1, "reported %.8g, above %s: %.8g", got, what, most)
		}
		return record.Pass("", 1)
	})
}

// Derived recomputes a scalar from other figures or facts of the same trial. ok
// is false when these are not there.
func Derived(what string, f func(o *record.Observation) (want float64, ok bool)) record.Road {
	return road(what, func(metric string, o *record.Observation, _ *record.Evidence) record.Check {
		want, ok := f(o)
		if !ok {
			return record.Doubt("", 0, "%s: it is missing", what)
		}
		return agree(o.Scalars[metric], want, 1, what)
	})
}

// Ratio recomputes a scalar as one figure over another; a zero below gives 0.
func Ratio(a, b string) record.Road {
	return Derived(fmt.Sprintf("%s over %s", a, b), func(o *record.Observation) (float64, bool) {
		x, ok := o.Scalars[a]
		y, ok2 := o.Scalars[b]
		if y == 0 {
			return 0, ok && ok2
		}
		return x / y, ok && ok2
	})
}

// Each holds a vector against facts called PREFIX/LABEL, to the last digit. A
// member without its fact, such as one that was killed with its counts, is left
// out; a vector without any is not concerned.
func Each(prefix, what string) record.Road { return each(prefix, what, equal) }

// EachAtMost is [Each] with facts that bound the vector's values from above.
func EachAtMost(prefix, what string) record.Road {
	return each(prefix, "at most "+what, func(got, most float64) bool { return got <= most*(1+rounding) })
}

func each(prefix, what string, fits func(got, fact float64) bool) record.Road {
	return road(what, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		v := o.Vectors[metric]
		var n int64
		for i, label := range v.Labels {
			want, ok := e.Facts[prefix+"/"+label]
			if !ok {
				continue
			}
			n++
			if !fits(v.Values[i], want) {
				return record.Fail("", n, "%s: reported %.8g; %s: %.8g", label, v.Values[i], what, want)
			}
		}
		if n == 0 {
			return record.Check{}
		}
		return record.Pass("", n)
	})
}

// SumAnswered holds the sum of a vector against the spans that ended well in the
// window.
func SumAnswered(histogram string) record.Road {
	const text = "in sum the spans that ended well in the window"
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		d, ok := e.Spans[histogram]
		if !ok {
			return record.Doubt("", 0, "there is no digest of the spans of %s", histogram)
		}
		var sum float64
		for _, x := range o.Vectors[metric].Values {
			sum += x
		}
		return agree(sum, float64(d.Answered), d.Answered, text)
	})
}

// hdr is how far a quantile of a histogram may lie from the value that it
// stands for: three significant digits.
const hdr = 1.0 / 1000

// Spans holds a histogram against the digest of its spans: how many, their sum,
// minimum and maximum, and every percentile that the digest has.
func Spans() record.Road {
	return road("the raw spans, by other code", func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		d, ok := e.Spans[metric]
		if !ok {
			return record.Doubt("", 0, "there is no digest of its spans")
		}
		h := o.Histograms[metric]
		if n := h.Count(); n != d.Count {
			return record.Fail("", d.Count, "the histogram holds %d durations, its spans are %d", n, d.Count)
		}
		if d.Count == 0 {
			return record.Check{}
		}
		if got := h.Sum(); !equal(got, d.Sum) {
			return record.Fail("", d.Count, "the histogram sums up to %.0f ns, its spans to %.0f ns", got, d.Sum)
		}
		if got, want := float64(h.Mean()), d.Sum/float64(d.Count); math.Abs(got-want) > 1+rounding*want {
			return record.Fail("", d.Count, "the histogram's mean is %.0f ns, that of its spans %.0f ns", got, want)
		}
		for name, ends := range map[string][2]int64{"minimum": {int64(h.Min()), d.Min}, "maximum": {int64(h.Max()), d.Max}} {
			if !alike(float64(ends[0]), float64(ends[1])) {
				return record.Fail("", d.Count, "the histogram's %s is %d ns, that of its spans %d ns", name, ends[0], ends[1])
			}
		}
		return quantiles(h, d)
	})
}

// alike says whether two durations are the same to the histogram's digits.
func alike(a, b float64) bool { return math.Abs(a-b) <= hdr*math.Max(a, b)+1 }

// quantiles: an exact quantile lies between those of the histogram one rank
// below and one above, which leaves both definitions of a rank room.
func quantiles(h *record.Histogram, d record.SpanDigest) record.Check {
	step := 1.01 / float64(d.Count)
	for _, name := range slices.Sorted(maps.Keys(d.Quantiles)) {
		_, q, ok := record.Quantile("x." + name)
		if !ok {
			return record.Doubt("", d.Count, "the digest has a quantile %q, which is none", name)
		}
		v := float64(d.Quantiles[name])
		low, high := float64(h.Quantile(max(q-step, 0))), float64(h.Quantile(min(q+step, 1)))
		if v < low && !alike(v, low) || v > high && !alike(v, high) {
			return record.Fail("", d.Count, "the histogram's %s is %.0f ns, that of its spans %.0f ns", name, float64(h.Quantile(q)), v)
		}
	}
	return record.Pass("", d.Count)
}

// Little holds a histogram's mean against Little's law: the time that all of
// its operations took is the area under the number in flight, and the time at
// the window's edges that only one of both counts.
func Little() record.Road {
	return road("Little's law with the area under the number in flight",
		func(metric string, o *record.Observation, e *record.Evidence) record.Check {
			d, ok := e.Spans[metric]
			if !ok {
				return record.Doubt("", 0, "there is no digest of its spans")
			}
			if d.Count == 0 {
				return record.Check{}
			}
			return agree(o.Histograms[metric].Sum(), d.Area+d.Fringe, d.Count, "ns under the number in flight, the edges allowed for")
		})
}

// InFlight holds the mean number in flight against the area under it.
func InFlight(histogram string) record.Road {
	return digested("the area under the number in flight over the window", histogram, func(d record.SpanDigest) (float64, float64) {
		return d.Area, float64(d.Window)
	})
}

// Answered holds a rate against the spans that ended well in the window.
func Answered(histogram string) record.Road {
	return digested("spans that ended well in the window, over its length", histogram, func(d record.SpanDigest) (float64, float64) {
		return float64(d.Answered), float64(d.Window) / 1e9
	})
}

// Sent holds a rate against the measured spans, whatever became of them.
func Sent(histogram string) record.Road {
	return digested("measured spans over the window", histogram, func(d record.SpanDigest) (float64, float64) {
		return float64(d.Sent), float64(d.Window) / 1e9
	})
}

// Offered holds a rate against the schedule, gone through again.
func Offered(histogram string) record.Road {
	return digested("the load's schedule, gone through again", histogram, func(d record.SpanDigest) (float64, float64) {
		if d.Offered == 0 {
			return 0, 0
		}
		return float64(d.Offered), float64(d.Window) / 1e9
	})
}

// Available holds a share of successes against the measured spans.
func Available(histogram string) record.Road {
	return digested("measured spans that ended well, of all measured", histogram, func(d record.SpanDigest) (float64, float64) {
		return float64(d.Count), float64(d.Sent)
	})
}

func digested(text, histogram string, f func(record.SpanDigest) (above, below float64)) record.Road {
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		d, ok := e.Spans[histogram]
		if !ok {
			return record.Doubt("", 0, "there is no digest of the spans of %s", histogram)
		}
		a, b := f(d)
		if b == 0 {
			return record.Check{}
		}
		return agree(o.Scalars[metric], a/b, d.Sent, text)
	})
}
