package process

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// A clock that runs unevenly, read at uneven moments, each reading anywhere
// between its two stamps: the bounds hold for every window, whatever its slack.
func TestTrackBounds(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		truth := []int64{0} // by millisecond
		for range 1000 {
			truth = append(truth, truth[len(truth)-1]+rnd.Int64N(3))
		}
		var tr track
		tr.add(point{})
		for at := int64(0); at < 900; {
			after := at + 1 + rnd.Int64N(40)
			read := after + rnd.Int64N(3)
			at = read + rnd.Int64N(3)
			tr.add(point{after: after, before: at, cpu: truth[read]})
		}
		for range 200 {
			begin, slack := rnd.Int64N(400), rnd.Int64N(30)
			end := begin + rnd.Int64N(400)
			least, most, covered := tr.window(begin, end, slack)
			// Whoever reads late or early by at most the slack.
			b, e := max(begin+rnd.Int64N(2*slack+1)-slack, 0), end+rnd.Int64N(2*slack+1)-slack
			if used := truth[max(e, b)] - truth[b]; covered && (used < least || used > most) {
				t.Fatalf("seed %d, window %d to %d ± %d: %d was used, bounds %d to %d", seed, begin, end, slack, used, least, most)
			}
		}
	}
}

func TestTrackEnds(t *testing.T) {
	var tr track
	if _, _, covered := tr.window(1, 2, 0); covered || tr.when(5) != 0 {
		t.Error("a track without points covers a window")
	}
	tr.add(point{after: 10, before: 10})
	tr.add(point{after: 20, before: 22, cpu: 8})
	if _, _, covered := tr.window(5, 30, 0); covered {
		t.Error("covered beyond the last reading, while the clock runs")
	}
	tr.close(point{after: 40, before: 40, cpu: 12})
	if least, most, covered := tr.window(0, 100, 0); least != 12 || most != 12 || !covered {
		t.Errorf("a life within the window: %d to %d, %v", least, most, covered)
	}
	if least, most, covered := tr.window(50, 100, 0); least != 0 || most != 0 || !covered {
		t.Errorf("after the end: %d to %d, %v", least, most, covered)
	}
	if got := tr.when(15); got != 4 {
		t.Errorf("between two readings: %v", got)
	}
	if least, most, _ := tr.window(30, 100, 0); least != 0 || most != 4 {
		t.Errorf("from a moment between two readings on: %d to %d", least, most)
	}
}

func TestTrackIsBounded(t *testing.T) {
	var tr track
	for i := range int64(10 * maxPoints) {
		tr.add(point{after: i, before: i, cpu: i})
	}
	if n := len(tr.points); n >= maxPoints || n < maxPoints/4 {
		t.Errorf("%d points", n)
	}
	if least, most, covered := tr.window(1000, 30000, 0); !covered || math.Abs(float64(least-29000)) > 64 || math.Abs(float64(most-29000)) > 64 {
		t.Errorf("%d to %d of 29000, %v", least, most, covered)
	}
}

// A round of the witness, per process that it watches.
func BenchmarkWitnessRound(b *testing.B) {
	w := newWitness()
	defer w.close()
	for range 16 {
		w.watch(os.Getpid(), now())
	}
	b.ReportAllocs()
	for b.Loop() {
		w.round()
	}
}
