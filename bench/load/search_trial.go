package load

import (
	"flag"
	"strconv"
	"time"

	"dyno/internal/record"
)

// SearchMetrics are what a trial reports of a search, for the metrics of a
// system that offers it; [Summary.ObserveSearch] sets them.
var SearchMetrics = []record.Metric{
	{
		Name: "knee_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher,
		Help: "search: highest rate that was held, 99 of 100 requests answered within the bound from their intended start",
	},
	{
		Name: "knee_low_rps", Kind: record.KindScalar, Unit: "req/s",
		Help: "search: lower end of the bracket around the knee; 0 when maybe not even the lowest rate is held",
	},
	{Name: "knee_high_rps", Kind: record.KindScalar, Unit: "req/s", Help: "search: upper end of the bracket, a rate that is not held"},
	{Name: "probes", Kind: record.KindScalar, Unit: "1", Help: "search: open loops that it took"},
}

// ObserveSearch sets [SearchMetrics]; it does nothing for what was no search.
// A rate that no probe has shown is left out, and a flag says why.
func (s *Summary) ObserveSearch(o *record.Observation) {
	k := s.Knee
	if k == nil {
		return
	}
	o.Set("probes", float64(len(k.Probes)))
	o.Set("knee_low_rps", k.Low)
	if k.Held > 0 {
		o.Set("knee_rps", k.Held)
	}
	if k.High > 0 {
		o.Set("knee_high_rps", k.High)
	}
}

// SearchGoal is what an experiment file asks a search for, in a trial whose
// probes take so long: together no longer than the planner allows for.
func SearchGoal(l record.Load, warmup, length time.Duration) Goal {
	return Goal{
		Below: l.P99Below.Duration(), From: l.From, To: l.To, Precision: l.Precision, Probes: l.Probes,
		Time: time.Duration(l.Probes) * (warmup + length),
	}
}

// Args are the flags by which a trial hands a goal to the process of its
// generator; [BindGoal] reads them there.
func (g Goal) Args() []string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []string{
		"--p99-below", g.Below.String(), "--from", number(g.From), "--to", number(g.To),
		"--precision", number(g.Precision), "--probes", strconv.Itoa(g.Probes), "--within", g.Time.String(),
	}
}

// BindGoal declares the flags of a goal, which is complete once they are
// parsed.
func BindGoal(fs *flag.FlagSet) *Goal {
	g := new(Goal)
	fs.DurationVar(&g.Below, "p99-below", 100*time.Millisecond, "search: 99 of 100 requests are to be answered within this")
	fs.Float64Var(&g.From, "from", 100, "search: lowest rate to try, per second")
	fs.Float64Var(&g.To, "to", 10_000, "search: highest rate to try, per second")
	fs.Float64Var(&g.Precision, "precision", DefaultPrecision, "search: how wide the bracket may be in the end, as a share")
	fs.IntVar(&g.Probes, "probes", DefaultProbes, "search: most rates to try, repeats included")
	fs.DurationVar(&g.Time, "within", 0, "search: most time for all of that; 0s: no limit but --probes")
	return g
}
