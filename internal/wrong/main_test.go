package wrong

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dyno/internal/branches/group"
	"dyno/internal/cli"
	"dyno/systems/systemtest"
)

// TestMain makes the test binary dyno, when it is started by dyno's bench, and a
// wrong implementation when the first argument says so.
func TestMain(m *testing.M) { systemtest.Main(m, run) }

// run is a command line of dyno, or "wrong ROLE WHAT …".
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	if len(args) < 3 || args[0] != "wrong" {
		return cli.Main(ctx, args, in, out, errOut)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	role, known := roles[args[1]]
	if !known {
		fmt.Fprintf(errOut, "there is no role %q\n", args[1])
		return 2
	}
	if err := role(ctx, args[2], args[3:], errOut); err != nil {
		fmt.Fprintln(errOut, err)
		return 1
	}
	return 0
}

// roles are those of which there are implementations here.
var roles = map[string]func(ctx context.Context, wrong string, args []string, errOut io.Writer) error{
	"branch": runBranch, "lb": runLB, "general": runGeneral, "bank": runBank, "worker": runWorker,
}

// command is what --impl takes.
func command(t *testing.T, role, wrong string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("'%s' wrong %s %s", exe, role, wrong)
}

// without removes flags from a command line, with their values.
func without(args []string, names ...string) (out []string) {
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case !slices.Contains(names, name):
			out = append(out, args[i])
		case !joined:
			i++
		}
	}
	return out
}

// later dials an address that may stand in a file that is written later.
func later(addr string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		at, err := group.Resolve(addr)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "tcp", at)
	}
}
