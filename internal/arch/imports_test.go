package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "dyno"

// rule allows the packages that match From to import, of our own, only those
// that match May. The first rule whose From matches is the one that holds.
// Patterns are those of path.Match, relative to the module; a trailing /...
// stands for a package and all below it; $1 is what the first * of From matched.
type rule struct {
	From string
	May  []string
	Why  string
}

var rules = []rule{
	{"cmd/dyno", []string{"internal/cli"}, "main hands over streams and arguments, nothing else"},
	{"cmd/dyno-whole", []string{"internal/cli", "systems/all/whole"}, "main hands over streams and arguments, and what only some need, nothing else"},
	{"cmd/dyno-role", []string{"internal/role", "systems/all/slim"}, "main hands over streams and arguments, and which roles, nothing else"},
	{"cmd/dyno-large", []string{"internal/role", "systems/all/large"}, "main hands over streams and arguments, and which roles, nothing else"},
	{"internal/record", nil, "record is the leaf: everything stands on it, so it stands on nothing"},
	{"internal/arch", nil, "the rules depend on no room"},
	{"systems", []string{"internal/record", "internal/size"}, "the contract is shared by systems and engine; an import here would close a cycle"},
	{"systems/all", []string{"systems", "systems/*"}, "the one list of systems"},
	{"systems/all/slim", []string{"bench/yardstick", "systems", "systems/*", "systems/*/roles"}, "the one list of what a role's process links"},
	{"systems/all/large", []string{"systems", "systems/*/..."}, "the one list of roles that are too large for the slim program"},
	{"systems/all/whole", []string{"bench/process", "bench/driver", "bench/driver/ghz", "bench/sample/exported", "internal/rpc", "internal/telemetry", "systems/*", "systems/*/..."}, "the one list of what is too large for dyno and its roles' processes"},
	{"systems/systemtest", []string{"systems", "bench/process", "internal/record"}, "the conformance suite knows the contract, never one system"},
	{"systems/*", []string{"systems", "systems/$1/...", "bench/*", "bench/queue/live", "proto/$1/v1", "proto/seed/...", "internal/rpc", "internal/journal", "internal/node/...", "internal/branches/...", "internal/replica", "internal/atomicfile", "internal/backoff", "internal/shrink", "internal/splitmix", "internal/record"}, "a system never imports another system, the experiments or the report"},
	{"systems/mapreduce/disk", []string{"systems/mapreduce/core/task"}, "the tasks' files: the one part of the data plane that is not pure"},
	{"systems/lookaside/wait", nil, "waiting for each other knows nobody"},
	{"systems/lookaside/lookasidegrpc", []string{"systems/lookaside/wait", "internal/backoff", "proto/lookaside/v1", "internal/rpc"}, "a gRPC client library, usable without the rest: it knows the protocol, and no engine"},
	{"systems/lookaside/directory/...", []string{"systems", "systems/lookaside/wait", "bench/process", "internal/rpc", "internal/backoff"}, "who there is does not depend on what they do"},
	{"systems/lookaside/lb", []string{"systems", "systems/lookaside/core/...", "systems/lookaside/wait", "systems/lookaside/directory", "proto/lookaside/v1", "internal/rpc"}, "a role knows no other role, and no trial"},
	{"systems/lookaside/server", []string{"systems", "systems/lookaside/core/...", "systems/lookaside/wait", "systems/lookaside/directory", "bench/load", "bench/queue", "bench/queue/live", "proto/lookaside/v1", "internal/rpc", "internal/backoff"}, "a role knows no other role, and no trial"},
	{"systems/lookaside/client", []string{"systems", "systems/lookaside/core/...", "systems/lookaside/lookasidegrpc", "systems/lookaside/directory", "bench/*", "proto/lookaside/v1", "internal/rpc", "internal/record"}, "a role knows no other role, and no trial"},
	{"systems/lookaside/check", []string{"systems/lookaside/core/policy", "bench/story", "internal/spacetime", "internal/record"}, "what a correct history is does not depend on who made it"},
	{"systems/lookaside/simulator", []string{"systems/lookaside/core/...", "systems/lookaside/check", "bench/*", "internal/record"}, "the simulator runs cores; it knows no shell"},
	{"systems/lookaside/trial", []string{"systems", "systems/lookaside/knobs", "systems/lookaside/lookasidegrpc", "systems/lookaside/core/...", "systems/lookaside/directory", "systems/lookaside/lb", "systems/lookaside/server", "systems/lookaside/client", "systems/lookaside/check", "systems/lookaside/simulator", "systems/lookaside/rival", "bench/*", "proto/lookaside/v1", "internal/rpc", "internal/record", "internal/backoff"}, "a trial is above the rooms it measures, and below the demo"},
	{coreRooms, []string{"systems/$1/core/...", "internal/node", "internal/replica", "internal/splitmix"}, "a protocol core knows no clock, network, disk or engine"},
	{"systems/*/...", []string{"systems", "systems/$1/...", "bench/*", "bench/queue/live", "proto/$1/v1", "proto/seed/...", "internal/rpc", "internal/journal", "internal/node/...", "internal/branches/...", "internal/replica", "internal/atomicfile", "internal/backoff", "internal/shrink", "internal/splitmix", "internal/record"}, "a room of a system is as its root: it never imports another system, the experiments or the report"},
	{"bench/process", []string{"systems", "internal/record"}, "processes know the contract at most, never one system"},
	{"bench/fault", []string{"internal/size"}, "the vocabulary of faults is the same for all hosts, so it knows none"},
	{"bench/link", []string{"bench/fault", "internal/record"}, "links know no system, nor what a trial is"},
	{"bench/inject", []string{"systems", "bench/fault", "bench/link", "internal/backoff"}, "faults of a trial strike its processes and links; it knows the contract, never one system"},
	{"bench/yardstick", []string{"systems", "bench/process", "internal/rpc", "internal/record", "proto/yardstick/v1"}, "the yardsticks are processes of their own, and know the contract at most, never one system"},
	{"bench/queue/live", []string{"bench/load"}, "a station keeps times, whoever sets them"},
	{"bench/lie", []string{"bench/load", "internal/record"}, "lies are told of a load and of figures, whatever the system"},
	{"bench/rival", []string{"systems", "bench/process", "bench/sample", "bench/evidence", "bench/load", "bench/driver", "bench/inject", "internal/backoff", "internal/record"}, "servers that others wrote are processes of a trial; it knows the contract, never one system"},
	{"bench/doctor", []string{"systems", "bench/process", "bench/rival"}, "what a machine has is looked for by whoever needs it"},
	{"bench/deposit", []string{"bench/driver", "bench/load", "internal/record"}, "what clients write does not depend on who keeps it"},
	{"bench/visit", []string{"bench/driver", "bench/load", "internal/record"}, "what customers do at two copies does not depend on who keeps them"},
	{"bench/story", []string{"bench/history", "bench/inject", "bench/link", "internal/spacetime", "internal/record"}, "a story is told of a history, whoever made it"},
	{"bench/driver", []string{"systems", "bench/process", "bench/load", "bench/evidence", "internal/record", "internal/rpc"}, "the client roles of all systems have this in common; it knows the contract, never one system"},
	{"bench/agent", []string{"systems", "bench/fault", "bench/link", "bench/load", "bench/process", "bench/sample", "internal/rpc", "internal/record", "proto/agent/v1"}, "an agent runs the roles of any system, by the bench of its machine"},
	{"bench/fleet", []string{"systems", "bench/agent", "bench/inject", "bench/link", "bench/process", "internal/record"}, "several machines are one bench; how they are reached is not its matter"},
	{"bench/ssh", []string{"systems", "bench/agent", "bench/process", "internal/rpc", "internal/record"}, "ssh brings agents to machines, and knows nothing of trials"},
	{"bench/scale", []string{"systems", "bench/agent", "bench/fleet", "internal/rpc", "internal/record"}, "it measures what machines and trials cost the runner, whatever they measure"},
	{"bench/*", []string{"bench/fault", "internal/splitmix", "internal/shrink", "internal/record"}, "load, samples, histories and the simulator serve any system"},
	{"bench/cost", nil, "it measures programs from outside"},
	{"bench/sample/exported", []string{"bench/sample"}, "what reads pages of series is for whoever samples, and not for roles"},
	{"bench/driver/ghz", []string{"bench/driver", "bench/load", "systems", "internal/rpc", "internal/record"}, "a witness from outside is a driver among others, and too large for most processes"},
	{"experiments", []string{"systems", "bench/*", "internal/atomicfile", "internal/record"}, "experiments know the contract, never one system nor the report"},
	{"internal/ladder", []string{"experiments", "systems", "bench/process", "bench/evidence", "internal/table", "internal/stats", "internal/record"}, "a ladder is data of a system, and its rungs are experiments: it knows the contract, never one system"},
	{"internal/stats", []string{"internal/record"}, "statistics are functions of stored facts"},
	{"internal/figure", []string{"internal/stats", "internal/record"}, "a figure is a function of data"},
	{"internal/table", []string{"internal/stats", "internal/record"}, "a table is a function of data"},
	{"internal/page", []string{"internal/stats", "internal/record"}, "a page is a function of data"},
	{"internal/live", nil, "what is shown while it runs is anybody's"},
	{"internal/browser", nil, "a browser knows nothing of what it shows"},
	{"internal/compare", []string{"internal/table", "internal/stats", "internal/record"}, "what changed is a function of stored facts"},
	{"internal/report", []string{"bench/fault", "internal/figure", "internal/table", "internal/page", "internal/stats", "internal/atomicfile", "internal/record"}, "the report reads stored results only: an old run can be drawn without any system"},
	{"internal/telemetry", []string{"internal/rpc"}, "what shows a process to others knows no system"},
	{"internal/role", []string{"systems", "bench/process", "internal/rpc"}, "a role's process has what roles need, and no more"},
	{"internal/rpc", []string{"internal/record"}, "what all shells share knows none of them"},
	{"internal/rpc/...", []string{"internal/rpc", "internal/record"}, "what all shells share knows none of them"},
	{"internal/journal", []string{"internal/backoff", "internal/record"}, "what durable systems share knows none of them"},
	{"internal/splitmix", nil, "chance from seeds is a leaf, as pure as a core"},
	{"internal/confine", nil, "rooms for programs know nothing of them"},
	{"internal/class", []string{"systems", "internal/ladder", "internal/confine", "internal/table"}, "a class is many ladders; it looks into no system"},
	{"internal/wrong", nil, "it holds no code, and its tests are anybody's"},
	{"internal/kit", []string{"proto"}, "a starter is a function of a contract: it knows no system"},
	{"internal/shrink", nil, "leaving things out is a leaf"},
	{"internal/spacetime", []string{"internal/record"}, "a diagram is a function of data"},
	{"internal/backoff", nil, "waiting is a leaf"},
	{"internal/atomicfile", nil, "files are a leaf"},
	{"internal/branches/group", []string{"systems", "internal/replica"}, "branches are started the same for all; it knows the contract, never one system"},
	{"internal/branches", nil, "files of banks are read the same for all, and purely: streams come in"},
	{"internal/size", nil, "how people write sizes is a leaf"},
	{"internal/node", nil, "the shape of a core is as pure as a core"},
	{replicaRoom, nil, "what cores embed to replicate is as pure as a core"},
	{"internal/node/host", []string{"internal/node", "internal/journal"}, "what durable systems share knows none of them"},
	{"internal/node/simhost", []string{"internal/node", "internal/journal", "bench/sim"}, "the same core and journal in the simulator"},
	{"internal/cli", []string{"experiments", "systems", "systems/all", "bench/process", "bench/yardstick", "internal/ladder", "internal/report", "internal/compare", "internal/class", "internal/confine", "internal/kit", "internal/figure", "internal/rpc", "internal/record", "bench/doctor", "internal/role", "internal/live", "bench/load", "bench/agent", "bench/fleet", "bench/ssh", "internal/kube", "internal/atomicfile"}, "the command line calls rooms; it looks into no system"},
	{"internal/kube", []string{"systems", "internal/backoff"}, "manifests and kubectl: it knows no trial, and no agent but by its port"},
	{"proto", []string{}, "the sources, as they are"},
	{"proto/...", []string{"proto/..."}, "generated code stands on generated code"},
}

// coreRooms are the packages of protocol cores.
const coreRooms = "systems/*/core/..."

// replicaRoom is what several of them embed.
const replicaRoom = "internal/replica"

// pure reports whether a rule is that of protocol cores, or of what they embed.
func (r rule) pure() bool { return r.From == coreRooms || r.From == replicaRoom }

// impure are standard packages that a protocol core must not reach for: what
// it needs of time, chance and the world is passed in.
var impure = []string{"os", "os/...", "net", "net/...", "syscall", "crypto/rand", "math/rand", "log", "log/...", "io/ioutil"}

type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, problem := range violations(p) {
			t.Error(problem)
		}
	}
}

// violations lists what a package imports against the rules.
func violations(p pkg) []string {
	from := strings.TrimPrefix(p.ImportPath, module+"/")
	for _, r := range rules {
		star, ok := match(r.From, from)
		if !ok {
			continue
		}
		var out []string
		for _, imp := range p.Imports {
			if problem := r.check(from, imp, star); problem != "" {
				out = append(out, problem)
			}
		}
		return out
	}
	return []string{from + " is in no room that the rules know: add a rule, with its reason"}
}

func (r rule) check(from, imp, star string) string {
	own, ours := strings.CutPrefix(imp, module+"/")
	core := r.pure()
	switch {
	case ours && slices.ContainsFunc(r.May, func(p string) bool { _, ok := match(strings.ReplaceAll(p, "$1", star), own); return ok }):
		return ""
	case ours:
		return from + " imports " + own + ": " + r.Why
	case core && strings.Contains(strings.Split(imp, "/")[0], "."):
		return from + " imports " + imp + ": " + r.Why
	case core && slices.ContainsFunc(impure, func(p string) bool { _, ok := match(p, imp); return ok }):
		return from + " imports " + imp + ": " + r.Why
	}
	return ""
}

// match reports whether a package path fits a pattern, and what its first *
// stood for.
func match(pattern, name string) (star string, ok bool) {
	prefix, deep := strings.CutSuffix(pattern, "/...")
	p, n := strings.Split(prefix, "/"), strings.Split(name, "/")
	if len(n) < len(p) || (!deep && len(n) != len(p)) {
		return "", false
	}
	for i := range p {
		if fits, err := path.Match(p[i], n[i]); err != nil || !fits {
			return "", false
		}
		if p[i] == "*" && star == "" {
			star = n[i]
		}
	}
	return star, true
}

// The rules must be able to fail.
func TestRulesBite(t *testing.T) {
	for _, c := range []struct {
		from, imp string
		bad       bool
	}{
		{"internal/record", "dyno/systems", true},
		{"systems", "dyno/bench/process", true},
		{"systems/lookaside", "dyno/systems/echo", true},
		{"systems/lookaside", "dyno/proto/echo/v1", true},
		{"systems/lookaside", "dyno/experiments", true},
		{"systems/lookaside", "dyno/bench/load", false},
		{"systems/lookaside", "dyno/systems/lookaside/core/policy", false},
		{"systems/lookaside/directory", "dyno/systems/lookaside/lb", true},
		{"systems/lookaside/lb", "dyno/systems/lookaside/server", true},
		{"systems/lookaside/simulator", "dyno/systems/lookaside/trial", true},
		{"systems/lookaside/trial", "dyno/systems/lookaside/demo", true},
		{"systems/lookaside/demo", "dyno/systems/lookaside/trial", false},
		{"systems/lookaside/core/policy", "dyno/internal/record", true},
		{"systems/lookaside/core/policy", "google.golang.org/grpc", true},
		{"systems/lookaside/core/policy", "net", true},
		{"systems/lookaside/core/policy", "time", false},
		{"bench/load", "dyno/systems", true},
		{"bench/process", "dyno/systems", false},
		{"experiments", "dyno/systems/all", true},
		{"internal/report", "dyno/systems", true},
		{"attic", "dyno/systems", true},
	} {
		got := violations(pkg{ImportPath: module + "/" + c.from, Imports: []string{c.imp}})
		if (len(got) > 0) != c.bad {
			t.Errorf("%s imports %s: violations %q, want some: %v", c.from, c.imp, got, c.bad)
		}
	}
}
