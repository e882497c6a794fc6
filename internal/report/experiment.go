package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// Experiment is what the template of a system's section gets for the name of
// an experiment that was run. Its methods return Markdown. A name that the
// experiment does not have (figure, table, metric, knob) is an error of the
// template; a number that cannot be given is replaced by words in parentheses.
type Experiment struct {
	*Result
	builder *builder

	// Of an experiment's own page only.
	Discussion string
	up         string // from the page to the folder of the report
	placed     map[string]bool
}

// place notes that a figure or table is shown.
func (e *Experiment) place(what string) {
	if e.placed == nil {
		e.placed = make(map[string]bool)
	}
	e.placed[what] = true
}

// Name is the experiment's name.
func (e *Experiment) Name() string { return e.Run.Experiment.Name }

// Title is the experiment's title.
func (e *Experiment) Title() string { return table.Text(e.Run.Experiment.Title) }

// Question is the question that the experiment asks.
func (e *Experiment) Question() string { return table.Text(e.Run.Experiment.Question) }

// System is the experiment's system.
func (e *Experiment) System() string { return e.Run.Experiment.System }

// Evidence is what the report counts over all experiments, of this one.
func (e *Experiment) Evidence() *overview {
	return &overview{store: &Store{Results: []*Result{e.Result}}}
}

// Figures lists the names of the figures that are not shown yet.
func (e *Experiment) Figures() []string { return e.rest("figure ", e.figures()) }

// Tables lists the names of the tables that are not shown yet.
func (e *Experiment) Tables() []string { return e.rest("table ", e.tables()) }

func (e *Experiment) rest(kind string, names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return e.placed[kind+name] })
}

func (e *Experiment) figures() []string {
	var out []string
	for _, f := range e.Run.Experiment.Figures {
		out = append(out, f.Name)
	}
	return out
}

func (e *Experiment) tables() []string {
	var out []string
	for _, t := range e.Run.Experiment.Tables {
		out = append(out, t.Name)
	}
	return out
}

// Figure shows a plot and says below it what stands behind it.
func (e *Experiment) Figure(name string) (string, error) {
	e.place("figure " + name)
	for _, f := range e.Run.Experiment.Figures {
		if f.Name == name && e.leftOut(f) {
			return fmt.Sprintf("*%s*: no part of this run, which was at scale %s; a larger one measures it.", table.Text(f.Title), e.Run.Scale), nil
		}
		if f.Name == name {
			d, err := e.draw(f, e.builder.colours)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("![%s](%s)\n\n**Figure.** %s", table.Text(f.Title), e.up+plotPath(e.Name(), name), d.caption()), nil
		}
	}
	return "", fmt.Errorf("experiment %s: figure %q is not one of %s", e.Name(), name, strings.Join(e.figures(), ", "))
}

// Table shows a table with its title and says below it how to read it.
func (e *Experiment) Table(name string) (string, error) {
	e.place("table " + name)
	for _, t := range e.Run.Experiment.Tables {
		if t.Name == name {
			return e.table(t)
		}
	}
	return "", fmt.Errorf("experiment %s: table %q is not one of %s", e.Name(), name, strings.Join(e.tables(), ", "))
}

// Value gives a metric of the one cell that the selectors mean, with interval
// and unit: {{.Value "throughput_rps" "policy=least_load" "clients=100"}}.
func (e *Experiment) Value(metric string, selectors ...string) (string, error) {
	m, err := e.measure(metric, record.KindScalar)
	if err != nil {
		return "", err
	}
	c, err := e.find(selectors)
	if err != nil {
		return "", err
	}
	if c == nil {
		return noCell(selectors), nil
	}
	s, err := c.number(metric)
	if err != nil {
		return unknownNumber(c.why(err), c.label()), nil
	}
	return m.text(s), nil
}

// Ratio gives the median of the per-block ratios of one cell's metric to
// another's, with interval:
// {{.Ratio "throughput_rps" "policy=least_load,clients=100" "policy=round_robin,clients=100"}}.
func (e *Experiment) Ratio(metric, over, under string) (string, error) {
	m, err := e.measure(metric, record.KindScalar)
	if err != nil {
		return "", err
	}
	var values [2]map[int]float64
	for i, selector := range []string{over, under} {
		c, err := e.find([]string{selector})
		if err != nil {
			return "", err
		}
		if c == nil {
			return noCell([]string{selector}), nil
		}
		if values[i] = stats.PerBlock(c.trials, metric); len(values[i]) == 0 {
			_, err := c.number(metric)
			if err == nil {
				err = errors.New("no block supports it alone")
				return unknownNumber(err.Error(), c.label()), nil
			}
			return unknownNumber(c.why(err), c.label()), nil
		}
	}
	s, err := stats.PerBlockRatio(values[0], values[1])
	if err != nil {
		return unknownNumber(err.Error(), over+" / "+under), nil
	}
	return inSentence(s, "", m.mark(), ""), nil
}

func noCell(selectors []string) string {
	return unknownNumber("no such cell", strings.Join(selectors, " "))
}

// unknownNumber stands where a number would.
func unknownNumber(why, where string) string {
	text := why
	if why != "not measured" {
		text = "not measured: " + why
	}
	if where != "" {
		text += ", " + where
	}
	return "(" + table.Text(text) + ")"
}

// Others counts the levels of a knob that occur, but for one.
func (e *Experiment) Others(knob, but string) int {
	return len(slices.DeleteFunc(slices.Clone(e.levels(knob)), func(l string) bool { return l == but }))
}

// TrialCount counts the experiment's trials, controls aside, and those that passed
// their checks.
func (e *Experiment) TrialCount() string {
	return fmt.Sprintf("%d of %s passed all checks", count(e.Trials).valid, plural(int64(len(e.Trials)), "trial"))
}

// Claim gives what was found of a claim, by its name, with the ruling on each bound
// that was claimed of the same figure; words say what the figure is of:
// {{.Claim "too-short-aborts" "of payments"}} is
// "98.5 [96.9, 100.0] % of payments (≥ 95 %: *supported*)".
func (e *Experiment) Claim(name string, words ...string) (string, error) {
	claim, err := e.claim(name)
	if err != nil {
		return "", err
	}
	var rulings []string
	for _, c := range e.Run.Experiment.Claims {
		if compared(c) == compared(claim) {
			j := e.judge(c)
			rulings = append(rulings, fmt.Sprintf("%s: *%s*", j.bound, j.ruling))
		}
	}
	return e.judge(claim).found(strings.Join(words, " "), strings.Join(rulings, "; ")), nil
}

func (e *Experiment) claim(name string) (record.Claim, error) {
	claims := e.Run.Experiment.Claims
	i := slices.IndexFunc(claims, func(c record.Claim) bool { return c.Name == name })
	if i < 0 {
		return record.Claim{}, fmt.Errorf("experiment %s: no claim is named %q", e.Name(), name)
	}
	return claims[i], nil
}

// Supported is for words that hold only if all of the named claims are supported:
// {{if .Supported "looking-pays"}}never take turns{{end}}.
func (e *Experiment) Supported(names ...string) (bool, error) {
	n, err := e.ruled(Supported, names)
	return n == len(names), err
}

// Refuted is for what is to be said instead if any of the named claims is refuted.
// Where it is neither, nothing is to be said.
func (e *Experiment) Refuted(names ...string) (bool, error) {
	n, err := e.ruled(Refuted, names)
	return n > 0, err
}

func (e *Experiment) ruled(as Ruling, names []string) (n int, err error) {
	for _, name := range names {
		c, err := e.claim(name)
		if err != nil {
			return 0, err
		}
		if e.judge(c).ruling == as {
			n++
		}
	}
	return n, nil
}

// Link leads to the experiment's page.
func (e *Experiment) Link() string { return "(" + e.link() + ")" }
