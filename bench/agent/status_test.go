package agent

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/process"
)

// A role that does not answer its own machine has failed; the machine is not lost.
func TestFailureIsNotUnavailable(t *testing.T) {
	refused := fmt.Errorf("health of a: %w", status.Error(codes.Unavailable, "connection refused"))
	there := toStatus(fmt.Errorf("once more: %w", &process.Failure{Name: "s", Role: "server", Problem: "did not become ready", Err: refused}))
	if code := status.Code(there); code != codes.Unknown {
		t.Errorf("code %v", code)
	}
	f, ok := errors.AsType[*process.Failure](fromStatus(there))
	if !ok || f.Name != "s" || f.Err == nil || f.Err.Error() != refused.Error() {
		t.Errorf("%+v", f)
	}
}
