package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/agnivade/levenshtein"

	"dyno/systems"
)

// Exit codes. Scripts rely on them.
const (
	Done        = 0
	Failed      = 1
	Usage       = 2
	Interrupted = 130
)

// Exit prints an error in one line and chooses the code.
func Exit(ctx context.Context, w io.Writer, err error) int {
	var own *systems.ExitError
	switch {
	case err == nil:
		return Done
	case errors.As(err, &own):
		return own.Code
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))):
		fmt.Fprintln(w, "dyno: interrupted; what was finished stays")
		return Interrupted
	case systems.IsUsage(err):
		fmt.Fprintf(w, "dyno: %s%s\n", strings.Join(strings.Fields(err.Error()), " "), suggestion(err))
		return Usage
	default:
		fmt.Fprintf(w, "dyno: %s\n", strings.TrimSpace(err.Error()))
		return Failed
	}
}

// suggestion names the allowed word nearest to a wrong one, as a clause to be
// added to the error, or nothing when none is near.
func suggestion(err error) string {
	var choice *systems.ChoiceError
	if !errors.As(err, &choice) {
		return ""
	}
	best, distance := "", len(choice.Word)/2+2
	for _, w := range choice.Allowed {
		if d := levenshtein.ComputeDistance(choice.Word, w); d < distance {
			best, distance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
