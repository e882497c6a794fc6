package record

import (
	"errors"
	"fmt"
)

// Status is how a check ended. An unknown is never an ok: the history may be
// right, but nobody proved it.
type Status string

// The statuses, from best to worst.
const (
	Valid        Status = "valid"
	Undetermined Status = "unknown"
	Invalid      Status = "invalid"
)

// Check is one property that was tested against the history of a trial.
type Check struct {
	Name     string `json:"name"`
	Status   Status `json:"status"`
	Examined int64  `json:"examined"`         // how many facts were looked at (answers, counts, picks)
	Detail   string `json:"detail,omitempty"` // why it is not valid, or a figure worth keeping
}

// Verdict is the proof behind a trial's figures: the worst status of its checks.
type Verdict struct {
	Status Status  `json:"status"`
	Checks []Check `json:"checks,omitempty"`
}

// Judge builds a verdict from checks. No checks at all, or a valid check that
// examined nothing, prove nothing: the verdict is unknown.
func Judge(checks ...Check) Verdict {
	v := Verdict{Status: Valid, Checks: checks}
	if len(checks) == 0 {
		v.Status = Undetermined
	}
	for i, c := range checks {
		if c.Status == Valid && c.Examined == 0 {
			c.Status, c.Detail = Undetermined, "nothing was examined"
			checks[i] = c
		}
		if worse(c.Status, v.Status) {
			v.Status = c.Status
		}
	}
	return v
}

// Conform reports a verdict that [Judge] could not have reached.
func (v Verdict) Conform() error {
	if v.Status == "" {
		return errors.New("the trial has no verdict")
	}
	if want := Judge(append([]Check(nil), v.Checks...)...).Status; want != v.Status {
		return fmt.Errorf("the verdict says %s, its checks say %s", v.Status, want)
	}
	return nil
}

// Reasons lists the checks that are not valid, one line each.
func (v Verdict) Reasons() []string {
	var out []string
	for _, c := range v.Checks {
		if c.Status != Valid {
			out = append(out, fmt.Sprintf("%s is %s: %s", c.Name, c.Status, c.Detail))
		}
	}
	return out
}

func worse(a, b Status) bool { return rank(a) > rank(b) }

func rank(s Status) int {
	switch s {
	case Valid:
		return 0
	case Undetermined:
		return 1
	default:
		return 2
	}
}

// Pass is a check that held over n examined facts.
func Pass(name string, n int64) Check { return Check{Name: name, Status: Valid, Examined: n} }

// Fail is a check that was violated.
func Fail(name string, n int64, format string, args ...any) Check {
	return Check{Name: name, Status: Invalid, Examined: n, Detail: fmt.Sprintf(format, args...)}
}

// Doubt is a check that could neither be proved nor refuted.
func Doubt(name string, n int64, format string, args ...any) Check {
	return Check{Name: name, Status: Undetermined, Examined: n, Detail: fmt.Sprintf(format, args...)}
}
