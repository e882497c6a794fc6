package target

import (
	"encoding/json"
	"errors"
	"fmt"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/systems"
)

const uncheckedDetail = "nobody looked at what the answers say (give expect; ghz hands out no answers)"

// report is what a generator's process prints.
type report struct {
	driver.Report
	Answers         answers    `json:"answers"`
	Connection      connection `json:"connection"`
	Messages        *messages  `json:"messages,omitempty"` // of streams
	TemplateSeconds float64    `json:"template_s"`         // of CPU time to fill in one message, by itself
}

// answers is what became of the calls that came back.
type answers struct {
	Unchecked  bool   `json:"unchecked"` // nobody looked at what they say
	Matched    int64  `json:"matched"`   // they say what was expected
	Skipped    int64  `json:"skipped"`   // nothing was expected of them
	Wrong      int64  `json:"wrong"`
	FirstWrong string `json:"first_wrong,omitempty"` // in what
}

func (c *caller) answers() answers {
	return answers{
		Unchecked: c.requests.unchecked(),
		Matched:   c.matched.Load(), Skipped: c.skipped.Load(), Wrong: c.wrong.Load(), FirstWrong: c.firstWrong,
	}
}

// tell prints for a trial or for a person.
func (r *report) tell(sh systems.Shell, f *driver.Flags, kind string, slo *driver.Objective) error {
	if f.JSON {
		return json.NewEncoder(sh.Out).Encode(r)
	}
	for _, flag := range r.ownFlags() {
		fmt.Fprintf(sh.Err, "%s: %s\n", flag.Name, flag.Detail)
	}
	fmt.Fprintln(sh.Out, r.Connection.text())
	r.tellServers(sh.Out)
	if r.Messages != nil {
		r.Messages.print(sh.Out)
	}
	if r.TemplateSeconds > 0 {
		fmt.Fprintf(sh.Out, "templates: %.3g µs of CPU time per message, by itself; the generator used %.3g per operation\n",
			r.TemplateSeconds*1e6, r.CPUSeconds*1e6/float64(max(r.Window.Sent, 1)))
	}
	return errors.Join(r.Print(sh.Out, kind, slo.Allowed(f.MaxFailures), r.checks()...), slo.Judge(sh.Out, &r.Report))
}

// ownFlags are those that are not the load's.
func (r *report) ownFlags() []record.Flag {
	flags := r.Connection.flags()
	switch a := r.Answers; {
	case a.Unchecked:
		flags = append(flags, record.Flag{Name: record.Unchecked, Detail: uncheckedDetail})
	case a.Skipped > 0:
		flags = append(flags, record.Flag{Name: record.Unchecked, Detail: fmt.Sprintf("nothing was expected of %d answers, %d were compared",
			a.Skipped, a.Matched+a.Wrong)})
	}
	return flags
}

// observe turns what the generator said into figures and their proof.
func (r *report) observe(kind string) record.Observation {
	var o record.Observation
	r.Observe(&o, kind)
	r.ObserveTimeline(&o)
	if kind != driver.Search {
		o.Set(record.ErrorShare, float64(o.Failed().Share()))
	}
	o.Verdict = record.Judge(append(r.Checks, r.checks()...)...)
	o.Flags = append(o.Flags, r.ownFlags()...)
	r.observeConnection(&o)
	r.observeServers(&o)
	r.observeMessages(&o)
	return o
}

// checks are those of the answers.
func (r *report) checks() []record.Check {
	a, c := r.Answers, r.Counts
	answered := record.Pass("answered", c.OK+a.Wrong)
	if answered.Examined == 0 {
		answered = record.Fail("answered", c.Sent, "not one of %d calls was answered: %s", c.Sent, r.FirstError)
	}
	const name = "expect"
	switch {
	case a.Unchecked:
		return []record.Check{answered}
	case a.Wrong > 0:
		return []record.Check{
			answered,
			record.Fail(name, a.Matched+a.Wrong, "%d of %d answers are wrong, the first: %s", a.Wrong, a.Matched+a.Wrong, a.FirstWrong),
		}
	case a.Matched+a.Skipped != c.OK:
		return []record.Check{answered, record.Fail(name, a.Matched, "%d answers were compared, and %d were not to be; %d are counted as OK",
			a.Matched, a.Skipped, c.OK)}
	}
	return []record.Check{answered, record.Pass(name, a.Matched)}
}
