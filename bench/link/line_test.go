package link

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// TestLineAgainstModel runs random operations on a line and on a plain list
// of bytes, each with its time, and compares all that can be seen.
func TestLineAgainstModel(t *testing.T) {
	type unit struct {
		b   byte
		due time.Duration
	}
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		limit := 1 + rng.IntN(3*firstBuffer)
		l := &line{limit: limit}
		var model []unit
		var next byte
		var now, last time.Duration
		for range 300 {
			now += time.Duration(rng.IntN(10))
			switch rng.IntN(3) {
			case 0: // fill
				room := l.room()
				if (room == nil) != (len(model) == limit) {
					t.Fatalf("seed %d: %d of %d bytes held, room for %d", seed, len(model), limit, len(room))
				}
				if room == nil {
					continue
				}
				n := 1 + rng.IntN(len(room))
				due := now + time.Duration(rng.IntN(40))
				last = max(last, due)
				for i := range n {
					room[i] = next
					model = append(model, unit{next, last})
					next++
				}
				l.push(n, due)
			case 1: // take some
				data := l.front(now, 1+rng.IntN(maxWrite))
				for i, b := range data {
					if model[i].b != b || model[i].due > now {
						t.Fatalf("seed %d: byte %d is %d, due %v at %v; want %d", seed, i, b, model[i].due, now, model[i].b)
					}
				}
				if len(data) == 0 && len(model) > 0 && model[0].due <= now {
					t.Fatalf("seed %d: a byte is due and not given out", seed)
				}
				n := rng.IntN(len(data) + 1)
				l.advance(n)
				model = model[n:]
			case 2:
				if rng.IntN(20) == 0 { // the receiver is gone
					l.advance(l.size)
					model = nil
				}
			}
			due, ok := l.due()
			if ok != (len(model) > 0) || (ok && due != model[0].due) || l.size != len(model) {
				t.Fatalf("seed %d: due %v %v, size %d; the model has %d bytes", seed, due, ok, l.size, len(model))
			}
		}
	}
}

// TestLineGrowsUnderAWrite: bytes that are being written stay as they are when
// the ring grows, and are removed from the new one.
func TestLineGrowsUnderAWrite(t *testing.T) {
	l := &line{limit: 4 * firstBuffer}
	fillRoom := func(b byte) {
		room := l.room()
		for i := range room {
			room[i] = b
		}
		l.push(len(room), 0)
	}
	fillRoom('a')
	out := l.front(0, 100)
	fillRoom('b') // grows
	if !bytes.Equal(out, bytes.Repeat([]byte("a"), 100)) {
		t.Error("the bytes being written have changed")
	}
	l.advance(len(out))
	if got := l.front(0, maxWrite); !bytes.Equal(got, append(bytes.Repeat([]byte("a"), firstBuffer-100), bytes.Repeat([]byte("b"), firstBuffer)...)) {
		t.Errorf("%d bytes left, or in the wrong order", len(got))
	}
}

// TestLineBoundsChunks: single bytes cannot make the list of times outgrow the
// bytes it is about, nor can a line that is never empty.
func TestLineBoundsChunks(t *testing.T) {
	l := &line{limit: 1 << 20}
	for range 5 * maxChunks {
		if l.room() == nil {
			if l.held() != maxChunks {
				t.Fatalf("full with %d chunks", l.held())
			}
			l.advance(3)
			continue
		}
		l.push(1, 0)
	}
	if cap(l.chunks) > 4*maxChunks {
		t.Errorf("%d chunks take the memory of %d", l.held(), cap(l.chunks))
	}
}
