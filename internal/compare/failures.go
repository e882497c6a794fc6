package compare

import (
	"strings"

	"dyno/internal/record"
)

// Tally counts how a side's trials ended.
type Tally struct {
	Valid   int `json:"valid"`
	Invalid int `json:"invalid"`
	Unknown int `json:"unknown"`
	Errors  int `json:"errors"` // without an observation
}

// Failure is a cell in which a side has trials that are not valid.
type Failure struct {
	Side       string   `json:"side"`
	Experiment string   `json:"experiment"`
	Cell       string   `json:"cell"`
	Kind       string   `json:"kind"` // "invalid", "unknown" or "error"
	Trials     int      `json:"trials"`
	OtherToo   bool     `json:"other_too"` // the other side has such trials in this cell as well
	Reasons    []string `json:"reasons"`   // of the first
}

// kind is how a trial ended.
func kind(t *record.Trial) string {
	switch {
	case t.Observation == nil:
		return "error"
	case t.Status() == record.Undetermined:
		return "unknown"
	default:
		return string(t.Status())
	}
}

// failed reports whether trials that ended so failed; an unknown verdict proves
// nothing, neither way.
func failed(kind string) bool { return kind == "error" || kind == "invalid" }

// count tallies the trials and lists the failures.
func (r *Result) count(e Experiment) {
	for _, c := range e.Cells {
		var found [2]map[string][]*record.Trial
		for side, name := range Sides {
			found[side] = make(map[string][]*record.Trial)
			tally := r.Trials[name]
			for _, t := range c.Trials[side] {
				k := kind(t)
				found[side][k] = append(found[side][k], t)
			}
			tally.Valid += len(found[side]["valid"])
			tally.Invalid += len(found[side]["invalid"])
			tally.Unknown += len(found[side]["unknown"])
			tally.Errors += len(found[side]["error"])
			r.Trials[name] = tally
		}
		for side, name := range Sides {
			for _, k := range []string{"invalid", "error", "unknown"} {
				if trials := found[side][k]; len(trials) > 0 {
					r.Failures = append(r.Failures, Failure{
						Side: name, Experiment: e.Name, Cell: c.Label, Kind: k, Trials: len(trials),
						OtherToo: len(found[1-side][k]) > 0, Reasons: reasons(trials[0]),
					})
				}
			}
		}
	}
}

func reasons(t *record.Trial) []string {
	if t.Observation == nil {
		return strings.Split(t.Error, "\n")
	}
	return t.Observation.Verdict.Reasons()
}
