package report_test

import (
	"testing"

	"dyno/internal/report"
)

// What it costs to draw the committed results; sections of systems and writing
// are left out.
func BenchmarkCommitted(b *testing.B) {
	for b.Loop() {
		s, err := report.Load("../..", false)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := report.Build(s, nil); err != nil {
			b.Fatal(err)
		}
	}
}
