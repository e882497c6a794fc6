package demo_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"dyno/internal/role"
	"dyno/systems/standby"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(standby.System)) }

// What the demo says is what it found: nothing lost, two epochs, equal logs, and
// an explanation.
func TestDemo(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := role.Main(standby.System)(t.Context(), []string{"standby", "demo", "--json", "--lease", "400ms"}, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out.String(), errOut.String())
	}
	var r struct {
		Before  int64    `json:"acknowledged_before_kill"`
		After   int64    `json:"acknowledged_after_kill"`
		Unknown int64    `json:"unknown"`
		Silence float64  `json:"silence_ms"`
		Epochs  []uint64 `json:"epochs"`
		Want    int64    `json:"expected_money"`
		Money   int64    `json:"money"`
		Equal   bool     `json:"logs_equal"`
		Actions int64    `json:"actions"`
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Before == 0 || r.After == 0 || r.Silence <= 0 || len(r.Epochs) < 2 || !r.Equal || r.Unknown == 0 && r.Money != r.Want || r.Actions < r.Before+r.After {
		t.Errorf("%+v", r)
	}
	for args, want := range map[string]string{
		"--replicate maybe": `--replicate "maybe" is not one of sync, async`,
		"--lease 1ms":       `--lease "1ms" is not a duration from 50ms to 10s`,
		"--clients 0":       `--clients "0" is not a whole number from 1 to 100`,
	} {
		errOut.Reset()
		code := role.Main(standby.System)(t.Context(), append([]string{"standby", "demo"}, strings.Fields(args)...), strings.NewReader(""), &out, &errOut)
		if code != 2 || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: exit %d %s", args, code, errOut.String())
		}
	}
}
