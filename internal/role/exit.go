package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/agnivade/levenshtein"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	case ctx.Err() != nil && interrupts(ctx, err):
		fmt.Fprintln(w, "dyno: interrupted; what was finished stays")
		return Interrupted
	case systems.IsUsage(err):
		fmt.Fprintf(w, "dyno: %s\n", suggesting(err))
		return Usage
	default:
		fmt.Fprintf(w, "dyno: %s\n", strings.TrimSpace(err.Error()))
		return Failed
	}
}

// interrupts says whether an error is what the end of a context leaves behind:
// of a call under way gRPC makes a status, which is not the context's own error.
func interrupts(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)) || status.Code(err) == codes.Canceled
}

// suggesting is an error in one line, with the allowed word nearest to a wrong one:
// first where the others are too many to be named.
func suggesting(err error) string {
	line := strings.Join(strings.Fields(err.Error()), " ")
	var choice *systems.ChoiceError
	if !errors.As(err, &choice) {
		return line
	}
	// Two letters of five may be wrong, and one more: --json is not meant for --help.
	best, distance := "", 2*len(strings.TrimPrefix(choice.Word, "--"))/5+2
	for _, w := range choice.Allowed {
		if d := levenshtein.ComputeDistance(choice.Word, w); d < distance {
			best, distance = w, d
		}
	}
	switch {
	case best == "":
		return line
	case choice.Long():
		return "did you mean " + best + "? " + line
	}
	return line + "; did you mean " + best + "?"
}
