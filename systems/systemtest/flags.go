package systemtest

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"dyno/systems"
)

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
