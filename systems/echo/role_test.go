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

func TestOpenLoopTellsAPerson(t *testing.T) {
	addr := startServer(t)
	out, err := play(t.Context(), "client", nil, "--server", addr, "--loop", "open", "--rate", "400", "--warmup", "0s", "--length", "50ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"400 req/s (constant) offered, open loop, 400/s sent, p99 ", "\n20 requests: 20 ok, 0 refused, 0 failed, 0 unknown; checks: valid\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestSearchTellsAPerson(t *testing.T) {
	addr := startServer(t)
	out, err := play(t.Context(), "client", nil, "--server", addr, "--loop", "search", "--p99-below", "9s", "--from", "1000", "--to", "2000", "--warmup", "0s", "--length", "100ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"knee at 2000 req/s, held; bracket 2000 to 0 after 6 probes; there: ", "; checks: valid\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestWitnessTellsAPerson(t *testing.T) {
	addr := startServer(t)
	out, err := play(t.Context(), "ghz", nil, "--server", addr, "--rate", "400", "--clients", "2", "--async", "--warmup", "0s", "--length", "50ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ghz, 400 req/s asked for, 2 workers: ", "\n20 requests: 20 ok, 0 refused, 0 failed, 0 unknown; checks: valid\n"} {
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

func TestUsage(t *testing.T) {
	at := func(args ...string) []string { return append([]string{"--server", "x:1"}, args...) }
	for want, c := range map[string]struct {
		role string
		args []string
	}{
		"--server is missing":           {"client", nil},
		"a whole number from 1 to 1000": {"client", at("--clients", "0")},
		"from 0 to 1048576":             {"client", at("--payload", "2000000")},
		"--length 0s: give 1ms to":      {"client", at("--length", "0s")},
		"--length 1ns: give 1ms to":     {"client", at("--length", "1ns")},
		"--length 2000000h0m0s: give":   {"client", at("--length", "2000000h")},
		"--warmup 2000000h0m0s: give":   {"client", at("--warmup", "2000000h")},
		`"half" is not one of closed`:   {"client", at("--loop", "half")},
		"p99-below is 0s":               {"client", at("--loop", "search", "--p99-below", "0s")},
		"from 1/h to 1e+06/s":           {"client", at("--rate", "0")},
		"--server is missing: give the": {"ghz", nil},
		"--warmup -1s: give 0s to":      {"ghz", at("--warmup", "-1s")},
		"ghz knows whole rates":         {"ghz", at("--rate", "1.5")},
		"makes 100000000 calls":         {"ghz", at("--rate", "100000", "--length", "1000s", "--warmup", "0s")},
		"makes 0 calls":                 {"ghz", at("--rate", "1", "--length", "1ms", "--warmup", "0s")},
		"neither may be negative":       {"server", []string{"--stall-for", "-1s"}},
		"one of exp, const":             {"server", []string{"--distribution", "normal"}},
	} {
		if _, err := play(t.Context(), c.role, nil, c.args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %v: %v; want it to say %q", c.role, c.args, err, want)
		}
	}
}
