package sample

import (
	"os"
	"testing"
	"time"
)

// BenchmarkProbe is what one sample of one process costs.
func BenchmarkProbe(b *testing.B) {
	read := newProbe(os.Getpid())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWindow is what a question costs, on a full track.
func BenchmarkWindow(b *testing.B) {
	h := &history{}
	for i := range maxPoints {
		for f := range h.tracks {
			h.tracks[f].add(time.Duration(i)*DefaultInterval, float64(i))
		}
	}
	s := &Samples{began: time.Now(), histories: map[string]*history{"x": h}}
	begin := s.began.Add(time.Minute)
	for b.Loop() {
		s.Window("x", begin, begin.Add(2*time.Second))
	}
}
