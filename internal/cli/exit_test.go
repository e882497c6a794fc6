package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"dyno/systems"
	"dyno/systems/all"
)

// Every command that is shown has an example.
func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		if !strings.Contains(c.Example, "dyno") {
			t.Errorf("%s has no example: %q", c.CommandPath(), c.Example)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	a := &app{systems: all.Systems}
	for _, system := range a.systems { // whose commands are declared where they are named
		a.args = append(a.args, system.Name)
	}
	walk(a.root())
}

// A word is meant for another if few of its letters are wrong; the dashes of a flag
// are none.
func TestFarWordsAreNotMeant(t *testing.T) {
	for word, meant := range map[string]bool{"--help": true, "--hlep": true, "--hosts": true, "--json": false, "--to": false} {
		var out bytes.Buffer
		(&app{err: &out}).exit(t.Context(), systems.Usagef("flag %w", &systems.ChoiceError{Word: word, Allowed: []string{"--help", "--host"}}))
		if strings.Contains(out.String(), "did you mean") != meant {
			t.Errorf("%s: %s", word, out.String())
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{errors.New("it broke"), 1, "dyno: it broke\n"},
		{systems.Usagef("--x: no"), 2, "dyno: --x: no\n"},
		{&systems.ExitError{Code: 4}, 4, ""},
		{fmt.Errorf("closing: %w", &systems.ExitError{Code: 3}), 3, ""},
	} {
		var out bytes.Buffer
		a := &app{err: &out}
		if code := a.exit(t.Context(), c.err); code != c.code || out.String() != c.says {
			t.Errorf("%v: exit code %d, %q; want %d, %q", c.err, code, out.String(), c.code, c.says)
		}
	}
}
