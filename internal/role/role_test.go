package role_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/process"
	"dyno/internal/role"
	"dyno/systems"
	"dyno/systems/strife"
)

// What follows "--" is handed on as it stands: flags of the program that a role
// is to run are none of the role's.
func TestWordsBehindDashes(t *testing.T) {
	var out, errOut bytes.Buffer
	dir := t.TempDir()
	code := role.Main(strife.System)(t.Context(), []string{"strife", "rival", "--dir", dir, "--", "/no/such/program", "-c"}, strings.NewReader(""), &out, &errOut)
	if strings.Contains(errOut.String(), "flag provided but not defined") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}

// Ctrl-C in the middle of a call is an interruption, not a failure of the
// server that was called; what fails by itself keeps its own words.
func TestExitOfACallThatWasInterrupted(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	cut := status.Error(codes.Canceled, "context canceled")
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code int
	}{
		"a call":              {over, cut, role.Interrupted},
		"what followed of it": {over, errors.Join(fmt.Errorf("general 6: %w", cut), errors.New("the balance is 0")), role.Interrupted},
		"nobody interrupted":  {t.Context(), cut, role.Failed},
		"another failure":     {over, status.Error(codes.Unavailable, "no disk"), role.Failed},
	} {
		var out bytes.Buffer
		if code := role.Exit(c.ctx, &out, c.err); code != c.code || strings.Contains(out.String(), "interrupted") != (code == role.Interrupted) {
			t.Errorf("%s: exit %d: %s", name, code, out.String())
		}
	}
}

// A command whose bench ended because a process died says that, once, not what all
// others met for it.
func TestSaysWhoDied(t *testing.T) {
	died := &process.Failure{Role: "server", Name: "s1", Problem: "was not ready within 20s"}
	h := role.Host{Open: func(ctx context.Context, _ role.Host, _ *systems.System, _ systems.Setting) (
		context.Context, systems.Bench, func() error, error,
	) {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(died)
		return ctx, nil, func() error { return nil }, nil
	}}
	err := h.Run(t.Context(), strife.System, func(ctx context.Context, sh systems.Shell) error {
		_, _, _, err := sh.Bench(ctx, systems.Setting{})
		return errors.Join(err, errors.New("s2 was called off"), errors.New("s3 was called off"))
	}, nil)
	if err == nil || err.Error() != died.Error() {
		t.Errorf("error %v, want %v", err, died)
	}
}
