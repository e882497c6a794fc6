package sessionbank_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/role"
	"dyno/systems/sessionbank"
)

// run runs the command and returns what it printed.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = role.Main(sessionbank.System)(t.Context(), append([]string{"sessionbank", "run"}, args...), nil, &o, &e)
	return code, o.String(), e.String()
}

// Whatever the lag, the answers are those of one branch.
func TestRun(t *testing.T) {
	visits := `[{"id":7,"recv":[{"interface":"deposit","branch":1,"result":"success"}]},
{"id":7,"recv":[{"interface":"withdraw","branch":9,"result":"success"}]},
{"id":7,"recv":[{"interface":"withdraw","branch":2,"result":"fail","reason":"insufficient funds"}]},
{"id":7,"recv":[{"interface":"query","branch":1,"balance":0}]},
{"id":7,"recv":[{"interface":"query","branch":2,"balance":0}]}]
`
	for _, c := range []struct {
		want string
		args []string
	}{
		{`[{"id":1,"balance":0}]` + "\n", []string{"testdata/writes.json"}},
		{`[{"id":1,"balance":400}]` + "\n", []string{"testdata/reads.json"}},
		{`[{"id":1,"balance":0}]` + "\n", []string{"testdata/writes.json", "--token", "writeset", "--delay", "30ms", "--guarantees", "ryw,mw"}},
		{`[{"id":1,"balance":400}]` + "\n", []string{"testdata/reads.json", "--cut", "1-2@100ms", "--in-process"}},
		{`[{"id":1,"recv":[{"interface":"deposit","branch":1,"result":"success"}]},` + "\n" +
			`{"id":1,"recv":[{"interface":"query","branch":2,"balance":400}]}]` + "\n", []string{"testdata/reads.json", "--format", "recv", "--in-process"}},
		{visits, []string{"testdata/travels.json", "--delay", "20ms"}},
		{visits, []string{"testdata/travels.json", "--in-process"}},
		{`[{"id":7,"balance":0},` + "\n" + `{"id":7,"balance":0}]` + "\n", []string{"testdata/travels.json", "--in-process", "--format", "balance"}},
	} {
		if code, out, errOut := run(t, c.args...); code != 0 || out != c.want {
			t.Errorf("%v: %d, %s\n%swant\n%s", c.args, code, errOut, out, c.want)
		}
	}
}

// Without guarantees a lag shows, and the story says so.
func TestRunWithoutGuarantees(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	code, out, story := run(t, "testdata/reads.json", "--guarantees", "none", "--delay", "500ms", "--in-process", "-v", "--output", file)
	text, err := os.ReadFile(file)
	if code != 0 || out != "" || err != nil || string(text) != `[{"id":1,"balance":0}]`+"\n" {
		t.Errorf("%d, %q, %v, %s", code, out, err, text)
	}
	for _, line := range []string{"> not yet: branch 2 lacks 1 of branch 1", "> read-your-writes (not asked for): VIOLATED 1 times in 1"} {
		if !strings.Contains(story, line) {
			t.Errorf("the story lacks %q:\n%s", line, story)
		}
	}
}

func TestStory(t *testing.T) {
	code, _, story := run(t, "testdata/writes.json", "-v")
	if code != 0 {
		t.Fatal(story)
	}
	at := 0
	for _, line := range []string{
		"- branch 1: server started, listening on 127.0.0.1:",
		"Branch balances (initial balance):\n- id: 1, balance: 0\n- id: 2, balance: 0\n... STARTING CUSTOMER EVENTS ...\n",
		"> branch 1 received deposit from customer 1 for the amount of: $ 400",
		"> branch 1 adding to write set event 1\n> branch 1 balance is $400\n** propagating branch 1 deposit of $400 to branches [2]:\n",
		"> branch 2 received deposit from branch 1 for the amount of: $ 400\n> branch 2 adding to write set event 1\n> branch 2 balance is $400\n",
		"> branch 2 adding to write set event 2\n> branch 2 balance is $0\n** propagating branch 2 withdraw of $400 to branches [1]:\n",
		"Finished executing customer events:\n",
		"Validating that all writes have propagated to all branches:\n> Propagation successful!\n",
		"> Successfully executed write events in the correct order (monotonic-writes, asked for: 2 checked)\n",
		"Branch balances (final balance):\n- id: 1, balance: 0\n- id: 2, balance: 0\n",
		"Write sets per branch organized by customer id:\n", "All events per branch organized by customer id:\n",
	} {
		next := strings.Index(story[at:], line)
		if next < 0 {
			t.Fatalf("%q is missing, or too early:\n%s", line, story)
		}
		at += next
	}
}

// A mistake is told with its place before anything is started.
func TestRunRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`[{"id":1,"type":"bank","balance":0},]`), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"give one INPUT.json, not 0": nil,
		"no such file":               {"testdata/none.json"},
		"line 1, column 37: not JSON: a comma stands before this ']'": {bad},
		`--cut "1-3@1s": there is no branch 3`:                        {"testdata/reads.json", "--cut", "1-3@1s"},
		`--cut "1-2" is not A-B@D`:                                    {"testdata/reads.json", "--cut", "1-2"},
		`"strong" is not none, all, or a list of`:                     {"testdata/reads.json", "--guarantees", "strong"},
		`"map" is not one of vector, writeset`:                        {"testdata/reads.json", "--token", "map"},
		`--format "xml" is not one of auto, balance, recv`:            {"testdata/reads.json", "--format", "xml"},
		"--ports-from 70000 is no port":                               {"testdata/reads.json", "--ports-from", "70000"},
		"there is no folder":                                          {"testdata/reads.json", "--output", "no/such/out.json"},
	} {
		if code, out, errOut := run(t, args...); code != 2 || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%v: %d, %q, %q; want 2 and %q", args, code, out, errOut, want)
		}
	}
}
