//go:build !linux

package menu

import (
	"context"
	"io"
)

// KeyOf knows no terminals here: the screen is never cleared.
func KeyOf(io.Reader, io.Writer) func(context.Context) error { return nil }
