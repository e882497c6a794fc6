package record

import (
	"fmt"
	"math"
	"slices"
)

// DefaultMaxFailures is the share of failures that a measurement may have,
// unless the experiment, or the command line, says otherwise.
const DefaultMaxFailures Share = 0.001

// CheckFailures is the name of the check of [Failures.Check].
const CheckFailures = "failures"

// flagErrors is the flag of a trial with failures that are allowed.
const flagErrors = "errors"

// falseAlarm bounds how often [Failures.Check] calls a service invalid whose
// operations fail, each by itself, just as often as is allowed.
const falseAlarm = 1e-4

// Failures says how many operations were not answered OK: refused, failed, wrong
// or with an unknown end. Who asked cannot tell a good refusal from a bad one,
// and neither can ghz; an experiment that wants refusals allows them.
type Failures struct {
	Sent   int64  `json:"sent"`            // operations
	Failed int64  `json:"failed"`          // of these, those that were not answered OK
	First  string `json:"first,omitempty"` // the first error, or what was wrong with the first wrong answer
}

// Failures are those of all operations.
func (c Counts) Failures(first string) Failures {
	return Failures{Sent: c.Sent, Failed: c.Sent - c.OK, First: first}
}

// Share is the share of operations that were not answered OK; 0 of none.
func (f Failures) Share() Share {
	if f.Sent == 0 {
		return 0
	}
	return Share(float64(f.Failed) / float64(f.Sent))
}

// String says all of it in one line.
func (f Failures) String() string {
	text := fmt.Sprintf("%v of %d operations were not answered OK (%d)", f.Share(), f.Sent, f.Failed)
	if f.First != "" {
		text += "; the first: " + f.First
	}
	return text
}

// Check is the check "failures": rates and latencies of operations that were
// answered mean little where many were not. Above the allowed share it is never
// valid. It is invalid, and so final, when chance does not explain the excess;
// unknown, and so measured again, when the share that is allowed would bring as
// many failures more than once in 10,000 times: one timeout in a short trial
// proves nothing against a service. More than that is not measured again: who
// repeats until few calls fail has chosen the result.
func (f Failures) Check(allowed Share) Check {
	switch {
	case f.Failed == 0:
		return Pass(CheckFailures, f.Sent)
	case f.Share() <= allowed:
		c := Pass(CheckFailures, f.Sent)
		c.Detail = f.String()
		return c
	case chance(f.Failed, float64(allowed)*float64(f.Sent)) < falseAlarm:
		return Fail(CheckFailures, f.Sent, "%v allowed, %v", allowed, f)
	}
	return Doubt(CheckFailures, f.Sent, "%v allowed, %v; so few may be chance", allowed, f)
}

// chance is the probability of k or more rare events where a mean is expected
// (Poisson), for a k above the mean.
func chance(k int64, mean float64) float64 {
	if mean == 0 {
		return 0
	}
	log, _ := math.Lgamma(float64(k) + 1)
	term := math.Exp(float64(k)*math.Log(mean) - mean - log)
	sum := 0.0
	for i := float64(k); term > falseAlarm*1e-9; i++ {
		sum += term
		term *= mean / (i + 1)
	}
	return sum
}

// Failed are the failures among the operations that the figures rest on.
func (o *Observation) Failed() Failures {
	if o.Failures != nil {
		return *o.Failures
	}
	return o.Counts.Failures("")
}

// HoldFailures adds the check "failures" to the verdict of an observation that
// has one: of the operations that its figures rest on, or, where it does not say
// which these are, of all. Failures within what is allowed leave the flag
// "errors". A trial without operations has none that could fail.
func (o *Observation) HoldFailures(allowed Share) {
	f := o.Failed()
	if f.Sent == 0 || o.Verdict.Status == "" {
		return
	}
	c := f.Check(allowed)
	if c.Status == Valid && f.Failed > 0 {
		o.Flag(flagErrors, "%v", f)
	}
	o.Verdict = Judge(append(o.Verdict.Checks, c)...)
}

// HoldAgain replaces the check "failures" of a stored observation by one with
// another allowed share: what was measured stays, however much of it is allowed.
// Results of before there was such a check have none.
func (o *Observation) HoldAgain(allowed Share) {
	named := func(c Check) bool { return c.Name == CheckFailures }
	if !slices.ContainsFunc(o.Verdict.Checks, named) {
		return
	}
	o.Verdict = Judge(slices.DeleteFunc(o.Verdict.Checks, named)...)
	o.Flags = slices.DeleteFunc(o.Flags, func(f Flag) bool { return f.Name == flagErrors })
	o.HoldFailures(allowed)
}
