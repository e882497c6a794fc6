package experiments

import (
	"os"
	"path/filepath"
	"testing"
)

// A program that is built anew while this process runs has another fingerprint.
func TestFingerprintIsOfNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dyno")
	var p printed
	var sums []string
	for _, text := range []string{"one", "one", "three"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		sum, err := p.fingerprint(path, "")
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] || sums[1] == sums[2] {
		t.Errorf("%q", sums)
	}
}
