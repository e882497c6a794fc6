package report

import (
	"fmt"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/table"
)

// control is a negative control with its trials. They are kept apart from all
// others: nothing is ever drawn or exported from them.
type control struct {
	record.Control
	trials []*record.Trial
}

func controls(run *record.Run) []*control {
	var out []*control
	for _, c := range run.Experiment.Controls {
		out = append(out, &control{Control: c})
	}
	return out
}

// takeControl adds a trial of a control.
func (r *Result) takeControl(t *record.Trial) error {
	i := slices.IndexFunc(r.controls, func(c *control) bool { return c.Name == t.Control })
	if i < 0 {
		return fmt.Errorf("control %q: the experiment has none of that name", t.Control)
	}
	r.controls[i].trials = append(r.controls[i].trials, t)
	return nil
}

// unbroken lists the trials of the cell that a control breaks, in the blocks in
// which the control was measured.
func (r *Result) unbroken(c *control) []*record.Trial {
	whole := r.meant(c.Where)
	if whole == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(whole.trials), func(t *record.Trial) bool {
		return !slices.ContainsFunc(c.trials, func(k *record.Trial) bool { return k.Block == t.Block })
	})
}

// caught counts the trials of a control that were found out, and quotes what
// the check said in the first of them.
func (c *control) caught() (n int, quote string) {
	for _, t := range c.trials {
		if !c.Caught(t) {
			continue
		}
		if n++; n > 1 {
			continue
		}
		for _, k := range t.Observation.Verdict.Checks {
			if k.Name == c.CaughtBy && k.Status == record.Invalid {
				quote = k.Detail
			}
		}
	}
	return n, quote
}

// missed says of each trial that was not found out how it ended.
func (c *control) missed() string {
	var parts []string
	for _, t := range c.trials {
		switch {
		case c.Caught(t):
		case t.Observation == nil:
			parts = append(parts, t.ID+": no result: "+t.Error)
		default:
			parts = append(parts,
				strings.TrimSuffix(fmt.Sprintf("%s: %s: %s", t.ID, t.Status(), strings.Join(t.Observation.Verdict.Reasons(), "; ")), ": "))
		}
	}
	return strings.Join(parts, "; ")
}

// line is a control in words: what it broke, who must notice, and what was found
// of it and of the same cell unbroken.
func (r *Result) line(c *control) string {
	n, example := c.caught()
	found := fmt.Sprintf("%d of %s", n, plural(int64(len(c.trials)), "trial"))
	if text := c.missed(); text != "" {
		found += "; **missed** in " + table.Text(text)
	}
	where := selector(c.Where)
	if where == "" {
		where = "the only core cell"
	}
	whole := count(r.unbroken(c))
	text := fmt.Sprintf("- **%s**, %s: %s Must be caught by *%s*: caught in %s; unbroken, %d of %d valid.",
		r.Run.Experiment.Name, table.Text(where),
		sentence(table.Text(c.Broken)), table.Text(c.CaughtBy), found, whole.valid, whole.valid+whole.invalid+whole.unknown+whole.errors)
	if example != "" {
		text += " For example: " + ended(table.Text(example))
	}
	return text
}

// Controls shows the negative controls of all experiments; empty when none was
// measured.
func (o *overview) Controls() string {
	var lines []string
	trials, caught := 0, 0
	for _, r := range o.store.Results {
		for _, c := range r.controls {
			if len(c.trials) == 0 {
				continue
			}
			n, _ := c.caught()
			trials, caught = trials+len(c.trials), caught+n
			lines = append(lines, r.line(c))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s %s caught.\n\n%s", caught, plural(int64(trials), "trial"),
		map[bool]string{true: "was", false: "were"}[trials == 1], strings.Join(lines, "\n"))
}

// planned is how many trials the run was to bring, those of controls left out.
func (r *Result) planned() int {
	n := 0
	for _, c := range r.cells {
		n += c.Blocks
	}
	return n
}

// missing is how many planned trials there are not, controls included.
func (r *Result) missing() int {
	n := r.Run.Planned - len(r.Trials)
	for _, c := range r.controls {
		n -= len(c.trials)
	}
	return n
}
