package echo_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"strings"
	"testing"

	"dyno/systems"
	"dyno/systems/echo"
)

// play runs a role in this process until it ends, and returns its output.
func play(ctx context.Context, name string, ready func(string), args ...string) (string, error) {
	role, _ := echo.System.Lookup(name)
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	action := role.Setup(fs)
	if err := fs.Parse(args); err != nil {
		return "", err
	}
	var out bytes.Buffer
	err := action(ctx, systems.Shell{Out: &out, Err: io.Discard, Ready: ready})
	return out.String(), err
}

// startServer returns the address of a server that ends with the test.
func startServer(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := play(ctx, "server", func(a string) { addr <- a })
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	select {
	case a := <-addr:
		return a
	case err := <-done:
		done <- err
		t.Fatalf("the server is not ready: %v", err)
		return ""
	}
}

func TestClientTellsAPerson(t *testing.T) {
	addr := startServer(t)
	out, err := play(t.Context(), "client", nil, "--server", addr, "--clients", "3", "--payload", "0", "--warmup", "0s", "--length", "50ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 clients, closed loop: ", " req/s; response mean ", " 0 refused, 0 failed, 0 unknown; checks: valid\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// Nobody serves there: nothing is answered, so nothing is proved.
func TestClientWithoutServer(t *testing.T) {
	out, err := play(t.Context(), "client", nil, "--server", "127.0.0.1:1", "--clients", "1", "--warmup", "0s", "--length", "20ms")
	if err == nil || !strings.Contains(err.Error(), "not proved right") || !strings.Contains(out, " 0 ok") {
		t.Errorf("error %v, output:\n%s", err, out)
	}
}

func TestClientUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"--server is missing":           nil,
		"a whole number from 1 to 1000": {"--server", "x:1", "--clients", "0"},
		"from 0 to 1048576":             {"--server", "x:1", "--payload", "2000000"},
		"give a positive length":        {"--server", "x:1", "--length", "0s"},
	} {
		if _, err := play(t.Context(), "client", nil, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want it to say %q", args, err, want)
		}
	}
}
