package host_test

import (
	"context"
	"errors"
	"testing"

	"dyno/internal/node/host"
)

func TestWaiters(t *testing.T) {
	var w host.Waiters[string, int]
	w.Tell("nobody", 1)
	n, err := w.Await(t.Context(), "a", func() error { w.Tell("b", 1); w.Tell("a", 2); w.Tell("a", 3); return nil })
	if n != 2 || err != nil {
		t.Errorf("answered %d, %v; want the first answer", n, err)
	}
	broken := errors.New("broken")
	if _, err := w.Await(t.Context(), "a", func() error { return broken }); err != broken {
		t.Errorf("what could not begin ends with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Await(ctx, "a", func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	n, err = w.Await(t.Context(), "a", func() error { // two wait, and both are answered
		if n, err := w.Await(t.Context(), "a", func() error { w.Tell("a", 4); return nil }); n != 4 || err != nil {
			t.Errorf("the second got %d, %v", n, err)
		}
		return nil
	})
	if n != 4 || err != nil {
		t.Errorf("the first got %d, %v", n, err)
	}
}
