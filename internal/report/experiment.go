package report

import (
	"errors"
	"fmt"
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
}

// Name is the experiment's name.
func (e *Experiment) Name() string { return e.Run.Experiment.Name }

// Title is the experiment's title.
func (e *Experiment) Title() string { return e.Run.Experiment.Title }

// Question is the question that the experiment asks.
func (e *Experiment) Question() string { return e.Run.Experiment.Question }

// Figures lists the names of the figures.
func (e *Experiment) Figures() []string {
	var out []string
	for _, f := range e.Run.Experiment.Figures {
		out = append(out, f.Name)
	}
	return out
}

// Tables lists the names of the tables.
func (e *Experiment) Tables() []string {
	var out []string
	for _, t := range e.Run.Experiment.Tables {
		out = append(out, t.Name)
	}
	return out
}

// Figure shows a plot and says below it what stands behind it.
func (e *Experiment) Figure(name string) (string, error) {
	for _, f := range e.Run.Experiment.Figures {
		if f.Name == name && e.leftOut(f) {
			return fmt.Sprintf("*%s*: no part of this run, which was at scale %s; a larger one measures it.", table.Text(f.Title), e.Run.Scale), nil
		}
		if f.Name == name {
			_, d, err := e.draw(f, e.builder.colours)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("![%s](%s)\n\n**Figure.** %s", table.Text(f.Title), plotPath(e.Name(), name), d.caption()), nil
		}
	}
	return "", fmt.Errorf("experiment %s: figure %q is not one of %s", e.Name(), name, strings.Join(e.Figures(), ", "))
}

// Table shows a table with its title and says below it how to read it.
func (e *Experiment) Table(name string) (string, error) {
	for _, t := range e.Run.Experiment.Tables {
		if t.Name == name {
			return e.table(t)
		}
	}
	return "", fmt.Errorf("experiment %s: table %q is not one of %s", e.Name(), name, strings.Join(e.Tables(), ", "))
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
	s, err := stats.Of(c.trials, metric)
	if err != nil {
		return unknownNumber(c.why(err), c.label()), nil
	}
	return strings.TrimSpace(table.Number(s) + " " + m.unit), nil
}

// Ratio gives the median of the per-block ratios of one cell's metric to
// another's, with interval:
// {{.Ratio "throughput_rps" "policy=least_load,clients=100" "policy=round_robin,clients=100"}}.
func (e *Experiment) Ratio(metric, over, under string) (string, error) {
	if _, err := e.measure(metric, record.KindScalar); err != nil {
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
			_, err := stats.Of(c.trials, metric)
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
	return table.Number(s), nil
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
