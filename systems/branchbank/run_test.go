package branchbank_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"dyno/internal/role"
	"dyno/systems/branchbank"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(branchbank.System)) }

// run types a command line.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = role.Main(branchbank.System)(t.Context(), append([]string{"branchbank"}, args...), nil, &o, &e)
	return code, o.String(), e.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func decode[T any](t *testing.T, text string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

// lines decodes one object per line.
func lines(t *testing.T, text string) (out []any) {
	t.Helper()
	for line := range strings.Lines(text) {
		out = append(out, decode[any](t, line))
	}
	return out
}

// hundred is the course's run of 100 customers at 100 branches.
func hundred(t *testing.T) []any {
	t.Helper()
	text, err := os.ReadFile("testdata/hundred.output.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return lines(t, string(text))
}

func TestHundred(t *testing.T) {
	code, out, errOut := run(t, "run", "testdata/hundred.input.json", "--in-process")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, errOut)
	}
	if !reflect.DeepEqual(decode[[]any](t, out), hundred(t)) {
		t.Errorf("got %s", out)
	}
}

// small is the first customers of it, at as many branches.
func small(t *testing.T, n int) (path string, want []any) {
	t.Helper()
	text, err := os.ReadFile("testdata/hundred.input.json")
	if err != nil {
		t.Fatal(err)
	}
	var in []any
	for _, r := range decode[[]map[string]any](t, string(text)) {
		if r["id"].(float64) <= float64(n) {
			in = append(in, r)
		}
	}
	out, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, string(out)), hundred(t)[:n]
}

// The same in processes of their own, under either rule, as lines, into a file.
func TestProcesses(t *testing.T) {
	path, want := small(t, 6)
	for _, funds := range []string{"optimistic", "escrow"} {
		output := filepath.Join(t.TempDir(), "out.jsonl")
		code, out, errOut := run(t, "run", path, "--jsonl", "--output", output, "--funds", funds)
		text, err := os.ReadFile(output)
		if code != 0 || out != "" || err != nil {
			t.Fatalf("exit status %d, %q, %v: %s", code, out, err, errOut)
		}
		if got := lines(t, string(text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %s", funds, text)
		}
	}
}

// Under async and stream a customer at one branch is answered as if it were
// alone.
func TestModes(t *testing.T) {
	const input = `[{"id":7,"type":"customer","events":[{"interface":"Deposit","money":10},{"interface":"WITHDRAW","money":410},
		{"interface":"withdraw","money":1},{"interface":"query","money":5}]},
		{"id":7,"type":"bank","balance":400},{"id":9,"type":"branch","balance":400}]`
	const want = `{"id":7,"recv":[{"interface":"deposit","result":"success"},{"interface":"withdraw","result":"success"},` +
		`{"interface":"withdraw","result":"fail","reason":"the balance of 0 does not cover 1"},{"interface":"query","result":"success","money":0}]}`
	path := write(t, input)
	for _, args := range [][]string{
		{"--propagate", "sync"}, {"--propagate", "async"}, {"--propagate", "stream"}, {"--funds", "escrow"},
	} {
		code, out, errOut := run(t, append([]string{"run", path, "--in-process", "--jsonl", "--format", "money"}, args...)...)
		if code != 0 || strings.TrimSpace(out) != want {
			t.Errorf("%v: exit status %d\n%s%s", args, code, out, errOut)
		}
	}
}

// Mistakes are told with exit status 2 and the place, before anything is started.
func TestMistakes(t *testing.T) {
	const good = `[{"id":1,"type":"branch","balance":0}]`
	for name, c := range map[string]struct {
		input string
		args  []string
		want  string
	}{
		"amount":   {`[{"id":1,"type":"branch","balance":0},{"id":1,"type":"customer","events":[{"interface":"deposit","money":0}]}]`, nil, "events[0].money"},
		"fraction": {`[{"id":1,"type":"branch","balance":0},{"id":1,"type":"customer","events":[{"interface":"deposit","money":1.5}]}]`, nil, "events[0].money"},
		"comma":    {`[{"id":1,"type":"branch","balance":0},]`, nil, "line 1, column 39"},
		"ports":    {good, []string{"--ports-from", "65535"}, "65536"},
		"format":   {good, []string{"--format", "xml"}, "xml"},
		"output":   {good, []string{"--output", "/nowhere/at/all"}, "/nowhere/at"},
	} {
		code, out, errOut := run(t, append([]string{"run", write(t, c.input), "--in-process"}, c.args...)...)
		if code != 2 || out != "" || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: exit status %d, %q, %s; want 2 and %q", name, code, out, errOut, c.want)
		}
	}
	if code, _, errOut := run(t, "run", "no-such-file.json"); code != 2 || !strings.Contains(errOut, "no-such-file.json") {
		t.Errorf("exit status %d: %s", code, errOut)
	}
}

// A sum that would leave int64 is refused, and is never a wrapped number.
func TestOverflow(t *testing.T) {
	path := write(t, `[{"id":1,"type":"branch","balance":1},{"id":2,"type":"branch","balance":1},
		{"id":1,"type":"customer","events":[{"interface":"deposit","money":9223372036854775807},{"interface":"deposit","money":9223372036854775806},
		{"interface":"query"}]}]`)
	code, out, errOut := run(t, "run", path, "--in-process", "--jsonl")
	const want = `{"id":1,"recv":[{"interface":"deposit","result":"fail","reason":"the balance would leave the range of int64"},` +
		`{"interface":"deposit","result":"success"},{"interface":"query","balance":9223372036854775807}]}`
	if code != 0 || strings.TrimSpace(out) != want {
		t.Errorf("exit status %d: %s%s", code, out, errOut)
	}
}
