package systemtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"dyno/bench/process"
)

// What Main leaves in the environment of all processes that the tests start.
const (
	binaryVar = "DYNO_TEST_BINARY" // the test binary that acts as dyno
	familyVar = "DYNO_TEST_FAMILY" // tells the descendants of one test run from all others
)

// Main is the TestMain of every package whose tests start roles:
//
//	func TestMain(m *testing.M) { systemtest.Main(m, cli.Main) }
//
// Started by go test, it runs the tests. Started again by one of them, as
// [process.Group] does, the same binary is dyno: it runs its arguments as a
// command line and exits with what run returns. It does not return.
func Main(m *testing.M, run func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int) {
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "systemtest: cannot find the test binary:", err)
		os.Exit(1)
	}
	// The path, not just a flag: a go command that a test runs may start test
	// binaries of other packages, which are to run their tests.
	if os.Getenv(binaryVar) == exe {
		process.Adopt()
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	env := map[string]string{
		binaryVar: exe,
		familyVar: fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()),
	}
	if os.Getenv("GORACE") == "" {
		// Under the race detector a process sleeps for a second before it
		// exits. Roles that are asked to stop are expected to be quicker.
		env["GORACE"] = "atexit_sleep_ms=10"
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "systemtest:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
