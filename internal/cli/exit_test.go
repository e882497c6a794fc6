package cli

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"dyno/systems"
)

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
