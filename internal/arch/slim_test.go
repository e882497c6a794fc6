package arch

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// bulky are libraries that a role's process does without: the etcd server, ghz,
// the compiler of .proto files, plots, pages, the command line; and trials, but for
// those that have a role in their own room.
var bulky = []string{
	"go.etcd.io/etcd/server/", "github.com/bojand/ghz/", "google.golang.org/grpc/xds", "github.com/envoyproxy/go-control-plane/",
	"github.com/bufbuild/protocompile", "gonum.org/", "github.com/yuin/goldmark", "github.com/spf13/cobra",
	module + "/internal/report", module + "/internal/cli", module + "/experiments", module + "/systems/lookaside/demo",
	"encoding/gob", "github.com/prometheus/", module + "/bench/sample/exported",
	module + "/systems/branchbank/trial", module + "/systems/lookaside/trial",
	module + "/systems/mapreduce/trial", module + "/systems/standby/trial",
}

// large are those that the program for large roles is there for, and what they bring.
var large = []string{"go.etcd.io/etcd/server/", "github.com/prometheus/"}

// What is measured links what roles need: with the rest, a generator's loop cost
// 1.24 times as much and a role's memory three times. Trials and commands of the
// systems alone made it a sixth larger.
func TestSlim(t *testing.T) {
	for _, program := range []struct {
		command, knows string
		but            []string
	}{{"dyno-role", "slim", nil}, {"dyno-large", "large", large}} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"/cmd/"+program.command).Output()
		if err != nil {
			t.Fatal(err)
		}
		linked := strings.Fields(string(out))
		if !slices.Contains(linked, module+"/systems/all/"+program.knows) {
			t.Fatalf("%s does not know the systems: %q", program.command, linked)
		}
		for _, p := range linked {
			begins := func(b string) bool { return strings.HasPrefix(p, b) }
			if slices.ContainsFunc(bulky, begins) && !slices.ContainsFunc(program.but, begins) {
				t.Errorf("%s links %s: let package systems/all/whole link it, and say that its role is Whole", program.command, p)
			}
		}
	}
}
