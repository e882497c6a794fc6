package load

import "dyno/internal/record"

// Fold folds spans of a finished run, all but the first n, as if there had been
// no room for them.
func (r *Result) Fold(n int) {
	s := newSums(r.BeginNS, r.EndNS, r.Schedule != nil, 0)
	var sent []int64
	if s.open {
		sent = r.SentNS[n:]
		r.SentNS = r.SentNS[:n]
	}
	s.add(r.Spans[n:], sent)
	r.Spans, r.Folded = r.Spans[:n], Folded{s}
}

// Wrong changes one of the sums of folded operations.
func (f Folded) Wrong(what string) {
	switch what {
	case "sojourn":
		f.sojourn++
	case "start":
		f.arrivals--
	case "end":
		f.departures--
	case "both ends":
		f.departures++
		f.sojourn++
	case "count":
		f.counts.Tally(record.OK)
	case "outcome":
		f.counts.OK--
		f.counts.Failed++
	case "intended":
		f.starts++
	case "early":
		f.early++
	default:
		panic(what)
	}
}
