package cli_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"

	"dyno/bench/process"
	"dyno/internal/rpc"
	"dyno/systems/all"
)

// What dyno init writes can be planned as it stands, and passes the schema.
func TestInit(t *testing.T) {
	t.Chdir(t.TempDir())
	schema := editor(t)
	for _, s := range all.Systems {
		if s.Name == "target" {
			continue // its own init looks at a service
		}
		code, out, errOut := dyno(t, "init", s.Name)
		file := s.Name + "-mine.yaml"
		if code != 0 || !strings.HasPrefix(out, file+"\n") {
			t.Errorf("init %s: exit %d, %s%s", s.Name, code, out, errOut)
			continue
		}
		for _, scale := range []string{"quick", "full", "deep"} {
			if code, _, errOut := dyno(t, "run", file, "--scale", scale, "--dry-run"); code != 0 {
				t.Errorf("run %s at scale %s: exit %d, %s", file, scale, code, errOut)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range s.Knobs {
			if !strings.Contains(string(text), "#   "+k.Name+": ") {
				t.Errorf("%s does not say what knob %s is", file, k.Name)
			}
		}
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for line, want := range map[string]string{
		"init lookaside": "is there already", "init lookasid": "did you mean lookaside?", "init target": "dyno target init ADDR",
		"init": "wants a system", "init echo mine.yml": "does not end in .yaml",
	} {
		if code, _, errOut := dyno(t, strings.Fields(line)...); code != 2 || !strings.Contains(errOut, want) {
			t.Errorf("dyno %s: exit %d, %q does not say %q", line, code, errOut, want)
		}
	}
}

// editor is what an editor does with the schema.
func editor(t *testing.T) *jsonschema.Schema {
	t.Helper()
	code, out, errOut := dyno(t, "schema")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("experiment.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("experiment.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON turns YAML to what a validator of JSON takes.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The schema takes every experiment that dyno takes, and what it refuses dyno
// refuses too.
func TestSchema(t *testing.T) {
	schema := editor(t)
	files, err := filepath.Glob("../../experiments/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d experiments: %v", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	text, err := os.ReadFile("../../experiments/lb-uneven.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"question:", "qestion:"},
		{"system: lookaside", "system: lookasid"},
		{"servers: 12", "severs: 12"},
		{"policy: [round_robin, least_load]", "policy: [round_robin, lest_load]"},
		{"kind: bars", "kind: bar"},
		{"loop: closed", "loop: shut"},
		{"length: 1.6s", "length: 1.6"},
		{"at-least: 0.95", "at-least: x"},
		{"servers: 12", "servers: 0"},
		{"loop: closed}", "loop: closed}\nplacement: pak"},
		{"loop: closed}", "loop: closed}\nplacement: {server: [0]}"},
	} {
		bad := strings.Replace(string(text), c[0], c[1], 1)
		if bad == string(text) {
			t.Errorf("%q is not in the file", c[0])
		}
		if schema.Validate(asJSON(t, []byte(bad))) == nil {
			t.Errorf("%q for %q passes the schema", c[1], c[0])
		}
		path := filepath.Join(t.TempDir(), "lb-uneven.yaml")
		write(t, path, bad)
		if code, _, _ := dyno(t, "run", path, "--dry-run"); code != 2 {
			t.Errorf("%q for %q passes dyno: exit %d", c[1], c[0], code)
		}
	}
	for _, c := range [][2]string{
		{"loop: closed}", "loop: closed}\nplacement: apart"},
		{"loop: closed}", "loop: closed}\nplacement: {server: [1, 2], lb: [3]}"},
		{"warmup: 1.2s", "warmup: .5s"},
		{"warmup: 1.2s", "warmup: 0"},
	} {
		good := strings.Replace(string(text), c[0], c[1], 1)
		if err := schema.Validate(asJSON(t, []byte(good))); good == string(text) || err != nil {
			t.Errorf("%q does not pass the schema: %v", c[1], err)
		}
		path := filepath.Join(t.TempDir(), "lb-uneven.yaml")
		write(t, path, good)
		if code, _, errOut := dyno(t, "run", path, "--dry-run"); code != 0 {
			t.Errorf("%q does not pass dyno: exit %d, %s", c[1], code, errOut)
		}
	}
}

func TestVersion(t *testing.T) {
	code, out, errOut := dyno(t, "version", "--json")
	var v struct {
		Version, Go, Platform string
		Dependencies          map[string]string
	}
	if code != 0 || json.Unmarshal([]byte(out), &v) != nil || v.Version == "" || !strings.HasPrefix(v.Go, "go1.") || v.Platform == "" {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
}

// The export holds the figures of valid trials, and says of the others what they are.
func TestExport(t *testing.T) {
	code, out, errOut := dyno(t, "export", "lb-policies", "--from", "../..")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	at := func(name string) int {
		i := slices.Index(rows[0], name)
		if i < 0 {
			t.Fatalf("no column %s in %v", name, rows[0])
		}
		return i
	}
	verdict, rate, p50, policy := at("verdict"), at("throughput_rps"), at("response.p50"), at("policy")
	for _, row := range rows[1:] {
		x, err := strconv.ParseFloat(row[rate], 64)
		if (row[verdict] == "valid") != (err == nil && x > 0) || row[policy] == "" {
			t.Errorf("verdict %s, policy %q, rate %q, p50 %q", row[verdict], row[policy], row[rate], row[p50])
		}
	}
	dir := t.TempDir()
	if code, out, errOut := dyno(t, "export", "lb-policies", "lb-uneven", "--from", "../..", "--out", dir); code != 0 || strings.Count(out, ".csv\n") != 2 {
		t.Errorf("two experiments: exit %d, %s%s", code, out, errOut)
	}
	old := filepath.Join(dir, "lb-uneven.parquet")
	write(t, old, "old")
	code, _, errOut = dyno(t, "export", "lb-uneven", "--from", "../..", "--format", "parquet", "--out", dir)
	if kept, err := os.ReadFile(old); code != 2 || !strings.Contains(errOut, "make parquet") || string(kept) != "old" {
		t.Errorf("without its program: exit %d, %s; of the table that was there %q is left, %v", code, errOut, kept, err)
	}
	for line, want := range map[string]string{
		"export lb-polices --from ../..":                    "did you mean lb-policies?",
		"export --format xml --from ../..":                  `"xml" is not one of csv, parquet`,
		"export --from ../..":                               "--out FOLDER",
		"export --from " + dir:                              "no results are stored",
		"export lb-uneven lb-policies --out - --from ../..": "one experiment",
	} {
		if code, _, errOut := dyno(t, strings.Fields(line)...); code != 2 || !strings.Contains(errOut, want) {
			t.Errorf("dyno %s: exit %d, %q does not say %q", line, code, errOut, want)
		}
	}
}

// What was changed since it was written is in no table, and the exit code says so.
func TestExportOfWhatWasChanged(t *testing.T) {
	from := t.TempDir()
	copyChanged(t, filepath.Join(from, "results", "lb-uneven"))
	_, whole, _ := dyno(t, "export", "lb-uneven", "--from", "../..")
	code, out, errOut := dyno(t, "export", "lb-uneven", "--from", from)
	if code != 1 || !strings.Contains(errOut, "the seal is broken") || strings.Count(out, "\n") != strings.Count(whole, "\n")-1 {
		t.Errorf("exit %d, %d lines, %s", code, strings.Count(out, "\n"), errOut)
	}
}

// An empty folder is most often a variable that is not set, and not the repository.
func TestEmptyFolder(t *testing.T) {
	for _, args := range [][]string{
		{"run", "lb-policies", "--out", ""},
		{"replay", "lb-policies-b01-c001", "--out="},
		{"export", "lb-policies", "--from", ""},
		{"compare", "--old", "a", "--new", "b", "lb-policies", "--out", ""},
		{"check", "branchbank", "--out", ""},
	} {
		code, out, errOut := dyno(t, args...)
		if code != 2 || out != "" || !strings.Contains(errOut, "the name of the folder is empty") {
			t.Errorf("%q: exit %d, %s%s", args, code, out, errOut)
		}
	}
	code, _, errOut := dyno(t, "export", "echo-mine", "--from", "../..")
	if code != 2 || !strings.Contains(errOut, "with results in ../..; --from names another folder") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

// copyChanged copies a stored result, one figure of which it changes.
func copyChanged(t *testing.T, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.json", "trials.jsonl"} {
		text, err := os.ReadFile(filepath.Join("../../results/lb-uneven", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, name), strings.Replace(string(text), `"throughput_rps":`, `"throughput_rps":1`, 1))
	}
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"run lb-pol":                   "lb-policies",
		"run --scale ":                 "quick",
		"init stri":                    "strife",
		"check branch":                 "branchbank",
		"lookaside demo --policy leas": "least_load",
		"completi":                     "completion",
	} {
		code, out, errOut := dyno(t, append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%q: exit %d, %q does not hold %q (%s)", line, code, out, want, errOut)
		}
	}
}

// The workflow that docs/ci.md offers is YAML, and dyno takes its command line.
func TestCompareWorkflow(t *testing.T) {
	text, err := os.ReadFile("../../docs/ci/compare.yml")
	if err != nil {
		t.Fatal(err)
	}
	var flow struct {
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal(text, &flow); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range flow.Jobs["compare"].Steps {
		line, ok := strings.CutPrefix(s.Run, "bin/dyno ")
		if !ok {
			continue
		}
		seen++
		code, _, errOut := dyno(t, strings.Fields(line)...) // the two binaries are not there, which is all that is wrong
		if code != 2 || !strings.Contains(errOut, "out/base/bin/dyno") {
			t.Errorf("dyno %s: exit %d, %s", line, code, errOut)
		}
	}
	if seen != 1 {
		t.Errorf("%d command lines of dyno", seen)
	}
}

// Roles of a command that is traced send their spans too, from processes of their own.
func TestTraces(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{seen: make(map[string]int)}
	srv := grpc.NewServer()
	collector.RegisterTraceServiceServer(srv, s)
	go srv.Serve(lis)
	defer srv.Stop()
	t.Setenv(process.TracesVar, "") // the command sets it
	defer rpc.Observe(nil, nil)
	code, out, errOut := dyno(t, "lookaside", "demo", "--servers", "1", "--clients", "1", "--requests", "20", "--traces", lis.Addr().String())
	if code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, errOut)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, service := range []string{"dyno lookaside server", "dyno lookaside client"} {
		if s.seen[service] < 20 {
			t.Errorf("%d spans of %s; all: %v", s.seen[service], service, s.seen)
		}
	}
}

// sink counts the spans of each service.
type sink struct {
	collector.UnimplementedTraceServiceServer
	mu   sync.Mutex
	seen map[string]int
}

func (s *sink) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			s.seen[r.GetResource().GetAttributes()[0].GetValue().GetStringValue()] += len(scope.GetSpans())
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}
