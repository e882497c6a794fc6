package systems

import (
	"errors"
	"fmt"
)

// UsageError is a mistake in what a person typed or wrote in a file: the
// command line answers it with one line and exit code 2.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the mistake itself.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef builds a usage error.
func Usagef(format string, args ...any) error {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

// IsUsage reports whether an error is the user's mistake rather than the
// system's: a UsageError, or a word that is not among those allowed.
func IsUsage(err error) bool {
	return errors.As(err, new(*UsageError)) || errors.As(err, new(*ChoiceError))
}
