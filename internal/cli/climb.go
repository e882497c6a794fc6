package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"dyno/experiments"
	"dyno/internal/ladder"
	"dyno/internal/role"
	"dyno/systems"
)

// climbFlags are those of dyno check SYSTEM.
type climbFlags struct {
	impl            systems.Impl
	until           string
	all, json       bool
	seed            uint64
	out             string
	junit, markdown string
	class           classFlags
}

// lookup finds a system by its name.
func (a *app) lookup(name string) *systems.System {
	for _, s := range a.systems {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// climb tries the rungs of a system's ladder.
func (a *app) climb(ctx context.Context, s *systems.System, f *climbFlags) (err error) {
	if f.out == "" {
		f.out = filepath.Join("out", "check")
	}
	if err := (&ladder.Climb{System: s, Impl: f.impl, Until: f.until}).Check(); err != nil {
		return err
	}
	for flag, path := range map[string]string{"--junit": f.junit, "--markdown": f.markdown} {
		if err := makeRoom(path); err != nil {
			return systems.Usagef("%s %s: %w", flag, path, err)
		}
	}
	out, err := outFolder(f.out, "")
	if err != nil {
		return err
	}
	lock, err := experiments.Lock(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	c := &ladder.Climb{
		Catalog: a.catalog, System: s, Impl: f.impl, Until: f.until, On: f.all, Seed: f.seed, Out: out,
		Command: append([]string{"dyno"}, a.args...),
		Note:    func(line string) { fmt.Fprintln(a.err, line) },
		Begin: func(p *experiments.Plan) {
			if role.Terminal(a.err) {
				fmt.Fprintf(a.err, "\r\x1b[K… %s", p.Title)
			}
		},
	}
	show := a.out
	if f.json {
		show = a.err
	}
	c.End = func(r ladder.Result) {
		if role.Terminal(a.err) {
			fmt.Fprint(a.err, "\r\x1b[K")
		}
		printRung(show, r)
	}
	card, err := c.Run(ctx)
	if err != nil {
		return err
	}
	if err := a.deliver(card, f); err != nil {
		return err
	}
	fmt.Fprintln(show, card.Summary())
	if !card.Holds() {
		return errFailed
	}
	return nil
}

func printRung(w io.Writer, r ladder.Result) {
	fmt.Fprintln(w, r.Line())
	for _, line := range r.Why() {
		fmt.Fprintf(w, "    %s\n", line)
	}
	for _, c := range r.Costs {
		fmt.Fprintf(w, "    %s\n", c.Line())
	}
}

// deliver writes the card where it is wanted.
func (a *app) deliver(card *ladder.Card, f *climbFlags) error {
	for _, to := range []struct {
		path  string
		write func(io.Writer) error
	}{{f.junit, card.JUnit}, {f.markdown, card.Markdown}} {
		if to.path == "" {
			continue
		}
		var text bytes.Buffer
		if err := errors.Join(to.write(&text), os.WriteFile(to.path, text.Bytes(), 0o644)); err != nil {
			return err
		}
	}
	if f.json {
		return card.JSON(a.out)
	}
	return nil
}
