package systemtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"dyno/internal/record"
	"dyno/systems"
)

var (
	oneWord      = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	hyphenated   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	metricFormed = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`) // no dot: that asks for a quantile
)

// checkNames: every name is made of lower-case words and stands for one thing.
func checkNames(s *systems.System) error {
	var errs []error
	if !oneWord.MatchString(s.Name) {
		errs = append(errs, fmt.Errorf("the system's name %q is not one lower-case word", s.Name))
	}
	var typed, knobs, metrics []string
	for _, c := range commands(s) {
		typed = append(typed, c.Name)
	}
	for _, k := range s.Knobs {
		knobs = append(knobs, k.Name)
	}
	for _, m := range s.Metrics {
		metrics = append(metrics, m.Name)
	}
	return errors.Join(append(errs,
		wellNamed("command or role", typed, hyphenated),
		wellNamed("knob", knobs, hyphenated),
		wellNamed("metric", metrics, metricFormed))...)
}

func wellNamed(what string, names []string, form *regexp.Regexp) error {
	var errs []error
	if len(names) == 0 {
		errs = append(errs, fmt.Errorf("there is no %s", what))
	}
	for i, n := range names {
		if !form.MatchString(n) {
			errs = append(errs, fmt.Errorf("%s %q is not of the form %v", what, n, form))
		}
		if slices.Contains(names[:i], n) {
			errs = append(errs, fmt.Errorf("there are two of %s %q", what, n))
		}
	}
	return errors.Join(errs...)
}

// checkHelp: everything that a person can name explains itself in one line,
// and every command shows at least one line to copy.
func checkHelp(s *systems.System) error {
	errs := []error{oneLine("the system's summary", s.Summary)}
	for _, c := range commands(s) {
		errs = append(errs, oneLine("the summary of "+c.Name, c.Summary))
		prefix := fmt.Sprintf("dyno %s %s", s.Name, c.Name)
		examples := lines(c.Example)
		if len(examples) == 0 {
			errs = append(errs, fmt.Errorf("%s has no example", c.Name))
		}
		for _, e := range examples {
			if e != prefix && !strings.HasPrefix(e, prefix+" ") {
				errs = append(errs, fmt.Errorf("an example of %s begins with something else than %q: %s", c.Name, prefix, e))
			}
		}
	}
	for _, k := range s.Knobs {
		errs = append(errs, oneLine("the help of knob "+k.Name, k.Help))
	}
	for _, m := range s.Metrics {
		errs = append(errs, oneLine("the help of metric "+m.Name, m.Help))
	}
	return errors.Join(errs...)
}

func oneLine(what, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s is empty", what)
	case strings.Contains(text, "\n"):
		return fmt.Errorf("%s has more than one line: %q", what, text)
	}
	return nil
}

// checkKnobs: a knob accepts its own default, and what it makes of a text does
// not change when it is read again, for results are found by that text.
func checkKnobs(s *systems.System) error {
	var errs []error
	for _, k := range s.Knobs {
		if k.Type == nil {
			errs = append(errs, fmt.Errorf("knob %s has no type", k.Name))
			continue
		}
		errs = append(errs, oneLine("what knob "+k.Name+" allows", k.Type.Allowed()))
		once, err := k.Type.Parse(k.Default)
		if err != nil {
			errs = append(errs, fmt.Errorf("knob %s does not accept its own default: %w", k.Name, err))
			continue
		}
		if twice, err := k.Type.Parse(once); err != nil || twice != once {
			errs = append(errs, fmt.Errorf("knob %s makes %q of its default and %q of that (%v)", k.Name, once, twice, err))
		}
	}
	return errors.Join(errs...)
}

// checkMetrics: every metric has a shape, a unit and a direction that the
// report knows.
func checkMetrics(s *systems.System) error {
	var errs []error
	for _, m := range s.Metrics {
		switch m.Kind {
		case record.KindScalar, record.KindHistogram, record.KindVector, record.KindSeries:
		default:
			errs = append(errs, fmt.Errorf("metric %s is of kind %q, which does not exist", m.Name, m.Kind))
		}
		switch m.Better {
		case "", record.Higher, record.Lower:
		default:
			errs = append(errs, fmt.Errorf("metric %s is better when %q; say higher, lower or nothing", m.Name, m.Better))
		}
		if m.Unit == "" {
			errs = append(errs, fmt.Errorf("metric %s has no unit; write \"1\" for a pure ratio", m.Name))
		}
	}
	return errors.Join(errs...)
}

// checkReport: the system's section of the report can be filled in.
func checkReport(s *systems.System, funcs template.FuncMap) error {
	if funcs == nil {
		return nil
	}
	if strings.TrimSpace(s.Report) == "" {
		return errors.New("the system has no section for the report")
	}
	if _, err := template.New(s.Name).Funcs(funcs).Parse(s.Report); err != nil {
		return fmt.Errorf("the system's section of the report: %w", err)
	}
	return nil
}
