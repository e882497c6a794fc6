package record

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrorShare is the metric of the share of operations that were not answered
// OK, from 0 to 1.
const ErrorShare = "error_share"

// Bound is one part of a service-level objective: a metric that is to be at
// least or at most a number.
type Bound struct {
	Text    string // as it was written: "p99 < 250ms"
	Word    string // what it is about: "p99"
	Metric  string // as in [Claim].Metric
	AtLeast *float64
	AtMost  *float64
}

var boundForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\S+?)\s*(<=|>=|<|>)\s*(.+)$`) })

// ParseObjective reads a service-level objective, such as "p99 < 250ms and
// errors < 0.1 %": pNN, mean (of the response time) and errors are to be below
// something, rate (OK answers per second) above. A value on the bound keeps it.
func ParseObjective(text string) (bounds []Bound, err error) {
	for part := range strings.SplitSeq(strings.ReplaceAll(text, ",", " and "), " and ") {
		b, err := parseBound(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		for _, earlier := range bounds {
			if earlier.Word == b.Word {
				return nil, fmt.Errorf("%s is bounded twice in %q", b.Word, text)
			}
		}
		bounds = append(bounds, b)
	}
	return bounds, nil
}

func parseBound(text string) (Bound, error) {
	wrong := fmt.Errorf(`%q is no objective, such as "p99 < 250ms", "errors < 0.1 %%" or "rate > 500/s"`, text)
	m := boundForm().FindStringSubmatch(text)
	if m == nil {
		return Bound{}, wrong
	}
	b := Bound{Text: text, Word: m[1]}
	var value float64
	var err error
	switch below := m[2][0] == '<'; {
	case b.Word == "rate" && !below:
		b.Metric = "throughput_rps"
		value, err = ParseRate(m[3])
		b.AtLeast = &value
	case b.Word == "errors" && below:
		var share Share
		b.Metric = ErrorShare
		err = share.Set(m[3])
		value, b.AtMost = float64(share), &value
	case below:
		var d time.Duration
		b.Metric = "response." + strings.ReplaceAll(b.Word, ".", "") // p99.9 is p999
		if _, q, ok := Quantile(b.Metric); !ok || q >= 1 {
			return Bound{}, wrong
		}
		d, err = time.ParseDuration(strings.ReplaceAll(m[3], " ", ""))
		value, b.AtMost = float64(d)/float64(time.Millisecond), &value
	default:
		return Bound{}, wrong
	}
	if err != nil {
		return Bound{}, fmt.Errorf("objective %q: %w", text, err)
	}
	return b, nil
}

// Keeps says whether a value is within the bound.
func (b Bound) Keeps(value float64) bool {
	return (b.AtLeast == nil || value >= *b.AtLeast) && (b.AtMost == nil || value <= *b.AtMost)
}

// Show is a value of the metric with its unit.
func (b Bound) Show(value float64) string {
	switch {
	case b.Metric == ErrorShare:
		return Share(value).String()
	case b.AtLeast != nil:
		return strconv.FormatFloat(value, 'g', 4, 64) + "/s"
	}
	return time.Duration(value * float64(time.Millisecond)).Round(time.Microsecond).String()
}

// AllowedErrors is the share of failures that objectives permit; ok is false
// when none says.
func AllowedErrors(bounds []Bound) (s Share, ok bool) {
	for _, b := range bounds {
		if b.Metric == ErrorShare {
			s, ok = max(s, Share(*b.AtMost)), true
		}
	}
	return s, ok
}
