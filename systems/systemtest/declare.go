package systemtest

import (
	"errors"
	"flag"
	"fmt"
	"io"
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

// checkFlags: the flags of every command are named and explained as knobs are,
// a role that serves has --listen, and the examples are command lines that
// parse.
func checkFlags(s *systems.System) error {
	var errs []error
	serves := make(map[string]bool)
	for _, r := range s.Roles {
		serves[r.Name] = r.Serves
	}
	for _, c := range commands(s) {
		if c.Setup == nil {
			errs = append(errs, fmt.Errorf("%s has no Setup", c.Name))
			continue
		}
		fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		if c.Setup(fs) == nil {
			errs = append(errs, fmt.Errorf("the Setup of %s returns nothing to run", c.Name))
		}
		fs.VisitAll(func(f *flag.Flag) {
			if !hyphenated.MatchString(f.Name) {
				errs = append(errs, fmt.Errorf("flag --%s of %s is not of the form %v", f.Name, c.Name, hyphenated))
			}
			errs = append(errs, oneLine(fmt.Sprintf("the help of flag --%s of %s", f.Name, c.Name), f.Usage))
		})
		if serves[c.Name] && fs.Lookup("listen") == nil {
			errs = append(errs, fmt.Errorf("%s serves, but has no flag --listen", c.Name))
		}
		for _, e := range lines(c.Example) {
			if err := parses(fs, c, e); err != nil {
				errs = append(errs, fmt.Errorf("the example %q of %s: %w", e, c.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// parses reads an example with the flags of its command.
func parses(fs systems.FlagSet, c systems.Command, example string) error {
	words, err := split(example)
	if err != nil {
		return err
	}
	if len(words) < 3 {
		return errors.New("it is not of the form \"dyno SYSTEM COMMAND\"")
	}
	if err := fs.Parse(words[3:]); err != nil {
		return err
	}
	if c.Args == "" && fs.NArg() > 0 {
		return fmt.Errorf("it has the positional arguments %q, and Args says there are none", fs.Args())
	}
	return nil
}

// lines are the lines of an example that are not blank.
func lines(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// split cuts a command line into words as a shell does, up to the first
// operator or comment. Quotes are understood, nothing else that a shell does.
func split(line string) (words []string, err error) {
	var word strings.Builder
	inWord, quote := false, rune(0)
	end := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			end()
		case strings.ContainsRune("|&;<>", r) || r == '#' && !inWord:
			end()
			return words, nil
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	end()
	return words, nil
}
