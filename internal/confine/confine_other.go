//go:build !linux

package confine

import (
	"context"
	"os/exec"
)

var errHere = &ErrUnsupported{"this is not Linux"}

// Command prepares nothing.
func Command(ctx context.Context, exe string, before []string, program ...string) *exec.Cmd {
	return exec.CommandContext(ctx, exe, append(before, program...)...)
}

// Run refuses.
func Run(*exec.Cmd) error { return errHere }

// Begin refuses.
func Begin([]string, []string) error { return errHere }

// Become refuses.
func Become(Limits, []string) error { return errHere }

// Give refuses.
func Give(string, int) error { return errHere }
