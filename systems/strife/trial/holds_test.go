package trial

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems/strife/site"
)

// A hold lasts from the request, not from the vote, to the first outcome; lines
// that a kill has cut, noes and what has no outcome count for nothing.
func TestHolds(t *testing.T) {
	dir := t.TempDir()
	log := `{"time":"2026-11-29T04:00:00.010Z","msg":"Prepare","tx":"1.1.1","vote":"yes","us":2000}
{"time":"2026-11-29T04:00:00.012Z","msg":"Prepare","tx":"1.1.2","vote":"no","us":10}
{"time":"2026-11-29T04:00:00.013Z","msg":"Prepare","tx":"1.1.3","vote":"yes","us":10}
{"time":"2026-11-29T04:00:00.020Z","msg":"Decide","tx":"1.1.1","outcome":"commit"}
{"time":"2026-11-29T04:00:00.030Z","msg":"Decide","tx":"1.1.1","outcome":"commit"}
{"time":"2026-11-29T04:00:00.031Z","msg":"Decide","tx":"1.1.2","outcome":"abort"}
{"time":"2026-11-29T04:0`
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "logs", "bank-alpha.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	h := record.NewHistogram()
	if err := readHolds(site.Dir(dir), "alpha", h); err != nil || h.Count() != 1 || h.Max() != 12*time.Millisecond {
		t.Errorf("%d holds, the longest %v; %v", h.Count(), h.Max(), err)
	}
	if err := readHolds(site.Dir(dir), "beta", h); err != nil {
		t.Errorf("a bank without a log: %v", err)
	}
}
