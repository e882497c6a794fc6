package load

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Defaults and bounds of a [Goal].
const (
	DefaultPrecision = 0.05
	MinPrecision     = 0.01
	DefaultProbes    = 20
	MaxProbes        = 200
	// MinProbeOperations is the least that a probe must offer: with fewer,
	// its slowest hundredth is less than one operation.
	MinProbeOperations = 100
)

// Goal is what a search looks for: the highest rate at which 99 of 100
// operations that are offered are answered within Below.
type Goal struct {
	Below     time.Duration // the bound, from the intended start
	From, To  float64       // rates between which to search, operations per second
	Precision float64       // how far apart the bracket's ends may be in the end, as a share of the lower one; 0: DefaultPrecision
	Probes    int           // most probes; 0: DefaultProbes
	Time      time.Duration // most time that all probes may take together; 0: as long as they do
}

// Check completes a goal with its defaults, and refuses one that cannot be
// searched for.
func (g Goal) Check() (Goal, error) {
	g.Precision, g.Probes = cmp.Or(g.Precision, DefaultPrecision), cmp.Or(g.Probes, DefaultProbes)
	switch {
	case g.Below <= 0:
		return g, fmt.Errorf("p99-below is %v; it must be a positive duration such as 100ms", g.Below)
	case !(g.From > 0) || !(g.To > g.From) || g.To > MaxRate:
		return g, fmt.Errorf("from %v to %v: want rates above 0 and up to %g per second, the first one lower", g.From, g.To, float64(MaxRate))
	case !(g.Precision >= MinPrecision && g.Precision <= 1):
		return g, fmt.Errorf("precision is %v; it must be from %v to 1", g.Precision, MinPrecision)
	case g.Probes < 1 || g.Probes > MaxProbes:
		return g, fmt.Errorf("probes is %d; it must be from 1 to %d", g.Probes, MaxProbes)
	case g.Time < 0:
		return g, fmt.Errorf("the time for all probes is %v; it must not be negative", g.Time)
	}
	return g, nil
}

// Probe is what an open loop at one rate brought.
type Probe struct {
	Rate     float64       `json:"rate_rps"`
	Offered  int64         `json:"offered"`      // operations in the window
	InTime   int64         `json:"in_time"`      // of these, answered OK within the bound from their intended start
	Prompt   int64         `json:"prompt"`       // of these, answered OK within the bound from their actual start
	Achieved float64       `json:"achieved_rps"` // OK operations that ended in the window, per second
	P99      time.Duration `json:"p99_ns"`       // of those that were OK, from the intended start
	Took     time.Duration `json:"took_ns"`      // with warm-up and drain
}

// Held says that 99 of 100 operations were answered in time. What was not
// sent, or not answered OK, was not.
func (p Probe) Held() bool { return most(p.InTime, p.Offered) }

// Late says that the rate was not held, and that it would have been had the
// generator sent everything when it was to: the probe is about the generator.
func (p Probe) Late() bool { return !p.Held() && most(p.Prompt, p.Offered) }

func most(n, of int64) bool { return of > 0 && 100*(of-n) <= of }

// decisive is how many probes more must disagree with an answer that is ruled
// out than with the one that is given: one probe that was disturbed, or lucky,
// decides nothing.
const decisive = 2

// Knee is the answer of a search.
type Knee struct {
	Held    float64 `json:"held_rps"` // highest rate that is held; 0: not even From is
	Low     float64 `json:"low_rps"`  // end of the bracket that is held; 0: maybe not even From is
	High    float64 `json:"high_rps"` // end of the bracket that is not; 0: maybe even To is held
	Settled bool    `json:"settled"`  // the bracket is as narrow as it was to be
	Probes  []Probe `json:"probes"`
}

// Finder is the search without its load: it says which rate to probe next, and
// is told what came of it. It knows no clock.
//
// Every probe is a vote, for "held" or for "not held", at its rate. The knee
// lies between two neighbouring rates; which two, is judged by how many votes
// disagree: those for "not held" below and those for "held" above. All pairs
// with less than two more disagreeing votes than the best pair remain possible,
// and together are the bracket. While the best pair is too far apart, the
// middle (of the logarithms) is probed; after that its ends are probed again
// until the other pairs are ruled out. So probes are repeated where they are
// in doubt, near the edge, and every answer rests on two votes at least. Where
// probes scatter over more than the precision, the bracket is no confidence
// interval of the knee: that comes from several searches.
type Finder struct {
	goal   Goal
	rates  []rate // ascending
	probes []Probe
	spent  time.Duration
}

// rate is a rate that was probed, with its votes.
type rate struct {
	at         float64
	held, lost int
}

// NewFinder begins a search.
func NewFinder(g Goal) (*Finder, error) {
	g, err := g.Check()
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return &Finder{goal: g}, nil
}

// Tell takes in what a probe brought.
func (f *Finder) Tell(p Probe) {
	f.probes = append(f.probes, p)
	f.spent += p.Took
	i, ok := slices.BinarySearchFunc(f.rates, p.Rate, func(r rate, at float64) int { return cmp.Compare(r.at, at) })
	if !ok {
		f.rates = slices.Insert(f.rates, i, rate{at: p.Rate})
	}
	if p.Held() {
		f.rates[i].held++
	} else {
		f.rates[i].lost++
	}
}

// Next returns the rate to probe next; ok is false when the search is over.
func (f *Finder) Next() (at float64, ok bool) {
	if len(f.probes) == f.goal.Probes || f.goal.Time > 0 && f.spent+f.longest() > f.goal.Time {
		return 0, false
	}
	v := f.view()
	if f.settled(v) {
		return 0, false
	}
	return f.choose(v), true
}

// longest is how long a probe may take, judged by those that were.
func (f *Finder) longest() (d time.Duration) {
	for _, p := range f.probes {
		d = max(d, p.Took)
	}
	return d
}

// view is what the votes say: gap i lies below rate i, the last one above all.
type view struct {
	against []int // votes that disagree, by gap
	best    int   // the gap with the fewest; the lowest of these
	lo, hi  int   // the first and the last gap that are not ruled out
}

func (f *Finder) view() view {
	v := view{against: make([]int, len(f.rates)+1)}
	for _, r := range f.rates {
		v.against[0] += r.held
	}
	for i, r := range f.rates {
		v.against[i+1] = v.against[i] - r.held + r.lost
		if v.against[i+1] < v.against[v.best] {
			v.best = i + 1
		}
	}
	v.lo, v.hi = v.best, v.best
	for i, n := range v.against {
		if n < v.against[v.best]+decisive {
			v.lo, v.hi = min(v.lo, i), max(v.hi, i)
		}
	}
	return v
}

// low is the lower end of a gap: 0 below From.
func (f *Finder) low(gap int) float64 {
	switch {
	case gap > 0:
		return f.rates[gap-1].at
	case len(f.rates) > 0 && f.rates[0].at <= f.goal.From:
		return 0
	}
	return f.goal.From
}

// high is the upper end of a gap: infinite above To.
func (f *Finder) high(gap int) float64 {
	n := len(f.rates)
	switch {
	case gap < n:
		return f.rates[gap].at
	case n > 0 && f.rates[n-1].at >= f.goal.To:
		return math.Inf(1)
	}
	return f.goal.To
}

// probed says whether both ends of a gap are more than what the caller said.
func (f *Finder) probed(gap int) bool {
	return (gap > 0 || f.low(gap) == 0) && (gap < len(f.rates) || math.IsInf(f.high(gap), 1))
}

func (f *Finder) settled(v view) bool {
	low, high := f.low(v.lo), f.high(v.hi)
	switch {
	case !f.probed(v.lo) || !f.probed(v.hi):
		return false
	case low == 0 || math.IsInf(high, 1):
		return v.lo == v.hi // below From or above To, and nothing else is possible
	}
	return f.narrow(low, high)
}

func (f *Finder) narrow(low, high float64) bool { return high <= low*(1+f.goal.Precision)*(1+1e-9) }

// choose says where a probe is worth most.
func (f *Finder) choose(v view) float64 {
	low, high := f.low(v.best), f.high(v.best)
	switch {
	case low == 0:
		return f.goal.From
	case math.IsInf(high, 1):
		return f.goal.To
	case !f.narrow(low, high):
		return middle(low, high)
	case v.best == 0: // narrow, and From was never probed
		return low
	case v.best == len(f.rates):
		return high
	}
	// The end behind which the more likely rival is; of two, the one that was
	// probed less.
	below, above := rival(v.against[:v.best]), rival(v.against[v.best+1:])
	under, over := f.rates[v.best-1], f.rates[v.best]
	if below < above || below == above && under.held+under.lost <= over.held+over.lost {
		return low
	}
	return high
}

func rival(against []int) int {
	return slices.Min(append(against[:len(against):len(against)], math.MaxInt))
}

// middle is the geometric mean, to four digits, so that it can be read.
func middle(low, high float64) float64 {
	m := math.Sqrt(low * high)
	unit := math.Pow(10, math.Floor(math.Log10(m))-3)
	if r := math.Round(m/unit) * unit; r > low && r < high {
		return r
	}
	return m
}

// Knee is the answer so far.
func (f *Finder) Knee() Knee {
	v := f.view()
	k := Knee{Low: f.low(v.lo), High: f.high(v.hi), Probes: f.probes, Settled: len(f.rates) > 0 && f.settled(v)}
	if math.IsInf(k.High, 1) {
		k.High = 0
	}
	if v.best > 0 {
		k.Held = f.rates[v.best-1].at
	}
	return k
}
