package sample

import (
	"os"
	"testing"
	"time"
)

// BenchmarkProbe is what one sample of one process costs. Slow samples, one in
// ten, grow with the number of threads.
func BenchmarkProbe(b *testing.B) {
	read := newProbe(os.Getpid())
	for name, slow := range map[string]bool{"fast": false, "slow": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := read(slow); err != nil {
					b.Fatal(err)
				}
			}
		})
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
