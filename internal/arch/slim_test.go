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

// What is measured links what roles need: with the rest, a generator's loop cost
// 1.24 times as much and a role's memory three times. Trials and commands of the
// systems alone made it a sixth larger.
func TestSlim(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"/cmd/dyno-role").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, module+"/systems/all/slim") {
		t.Fatalf("dyno-role does not know the systems: %q", linked)
	}
	for _, p := range linked {
		if slices.ContainsFunc(bulky, func(b string) bool { return strings.HasPrefix(p, b) }) {
			t.Errorf("dyno-role links %s: let package systems/all/whole link it, and say that its role is Whole", p)
		}
	}
}
