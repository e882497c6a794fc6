//go:build linux

package cli_test

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// rounds is how often each way is measured, in turns.
const rounds = 8

// compareCost says what a trial costs over SSH beside one on this machine, and how long a
// run takes besides its trials.
func compareCost(t *testing.T, hosts, dir string, files []string) {
	t.Helper()
	var trial, start [2][]float64 // seconds, here and there; a mean for each round
	for range rounds {
		for way, more := range [][]string{nil, {"--hosts", hosts}} {
			out := filepath.Join(dir, "cost")
			began := time.Now()
			dyno(t, slices.Concat([]string{"run", "--fresh", "--out", out}, files, more)...)
			wall, took, n := time.Since(began).Seconds(), 0.0, 0
			for _, name := range []string{"far-balancer", "far-bank"} {
				for _, one := range stored(t, out, name) {
					took += float64(one.Took)
					n += 1 + len(one.Rejected)
				}
			}
			if n != 3 { // a trial was measured again: its attempts are in no figure
				t.Logf("a round with %d attempts is left out", n)
				continue
			}
			trial[way], start[way] = append(trial[way], took/float64(n)), append(start[way], wall-took)
		}
	}
	for what, ways := range map[string][2][]float64{"a trial": trial, "a run besides its trials": start} {
		t.Logf("%s: here %s, over SSH %s", what, interval(ways[0]), interval(ways[1]))
	}
	if len(trial[0]) == len(trial[1]) {
		var more []float64
		for i := range trial[0] {
			more = append(more, trial[1][i]-trial[0][i])
		}
		t.Logf("a trial over SSH costs %s more", interval(more))
	}
}

// interval is a mean with twice its standard error.
func interval(v []float64) string {
	var sum, squares float64
	for _, x := range v {
		sum += x
	}
	mean := sum / float64(len(v))
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return fmt.Sprintf("%.3f ± %.3f s (n = %d)", mean, 2*math.Sqrt(squares/float64(len(v)-1)/float64(len(v))), len(v))
}
