package load

import (
	"sync"
	"testing"
	"time"
)

// Parts that end in the window are in the histogram and in its sums, whoever's
// they are; others are in neither.
func TestParts(t *testing.T) {
	begin := time.Unix(100, 0)
	p := NewParts(begin, begin.Add(time.Second))
	if h, d := p.Sum(); h.Count() != 0 || d.Count != 0 || d.Max != 0 {
		t.Errorf("of none: %d, %+v", h.Count(), d)
	}
	var clients sync.WaitGroup
	for client := range 40 {
		clients.Go(func() {
			for i := range 10 {
				p.Record(client, time.Duration(client*10+i+1)*time.Millisecond, begin.Add(time.Duration(i)*100*time.Millisecond))
			}
			p.Record(client, time.Hour, begin.Add(-1))
			p.Record(client, time.Hour, begin.Add(time.Second+1))
		})
	}
	clients.Wait()
	h, d := p.Sum()
	const sum = 400 * 401 / 2 * 1e6
	if h.Count() != 400 || d.Count != 400 || d.Sum != sum || d.Min != 1e6 || d.Max != 400e6 || h.Sum() != sum {
		t.Errorf("%d in the histogram, sum %v; digest %+v", h.Count(), h.Sum(), d)
	}
}
