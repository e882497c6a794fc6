package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bundleHistory is that of a trial of one client with three requests to one
// server.
const bundleHistory = `{
  "load": [{"name": "counts", "status": "valid", "examined": 3}],
  "history": {
    "Policy": "round_robin",
    "Servers": [{"ID": "s1", "Instance": "a", "Capacity": 1, "Requests": 3, "Area": 100}],
    "Clients": [{
      "Name": "client 0", "Verified": 3, "Wrong": WRONG,
      "Counts": {"offered": 3, "sent": 3, "ok": 3},
      "Servers": {"s1/a": {"Sent": 3, "OK": 3, "Sojourn": 100}}
    }]
  }
}`

func TestCheck(t *testing.T) {
	for wrong, want := range map[string]struct {
		code     int
		out, err string
	}{
		"0": {0, "now:    valid", ""},
		"1": {1, "answers: invalid", "dyno: answers is invalid: client 0: 1 of 3 answers were wrong"},
	} {
		bundle := t.TempDir()
		for name, text := range map[string]string{
			"trial.json":           `{"system": "lookaside", "id": "lb-b01-c001", "error": "none was stored"}`,
			"history/history.json": strings.Replace(bundleHistory, "WRONG", wrong, 1),
		} {
			path := filepath.Join(bundle, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, out, errOut := dyno(t, "check", bundle)
		if code != want.code || !strings.Contains(out, want.out) || !strings.Contains(out, "little-at-servers: valid, 3 examined") || !strings.Contains(errOut, want.err) {
			t.Errorf("%s wrong answers: exit %d\n%s\n%s", wrong, code, out, errOut)
		}
	}
	for _, args := range [][]string{{"check"}, {"check", "a", "b"}, {"check", t.TempDir()}} {
		if code, _, errOut := dyno(t, args...); code != 2 || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%q: exit %d, %s", args, code, errOut)
		}
	}
	if code, out, _ := dyno(t, "check", "--help"); code != 0 || !strings.Contains(out, "Exit codes: 0 valid, or all rungs") || !strings.Contains(out, "dyno check results/raw/") {
		t.Errorf("help: exit %d\n%s", code, out)
	}
}
