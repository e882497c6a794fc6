package service_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dyno/systems/lookaside/core/service"
)

func TestNothingOverflows(t *testing.T) {
	var m service.Meter
	for range 4 {
		m.Arrive(0)
	}
	if s := m.Stats(math.MaxInt64); s.Area != math.MaxInt64 || s.Occupied != math.MaxInt64 {
		t.Errorf("four requests for 292 years: area %d, occupied %d; want the longest duration", s.Area, s.Occupied)
	}
	m.Depart(math.MaxInt64, service.Visit{Service: math.MaxInt64})
	m.Depart(math.MaxInt64, service.Visit{Service: math.MaxInt64})
	if s := m.Stats(math.MaxInt64); s.Busy != math.MaxInt64 {
		t.Errorf("busy %d; want the longest duration", s.Busy)
	}
}

// Under random arrivals, departures, abandonments and a clock that sometimes
// runs backwards, the area under the number in the system is exactly the sum
// of the sojourns once it is empty, and every count is right.
func TestLittleExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			m              service.Meter
			now, sum, busy time.Duration
			want           service.Stats
			inside         []service.Visit
		)
		tick := func(t *rapid.T) time.Duration {
			return now + time.Duration(rapid.Int64Range(-50, 1000).Draw(t, "dt"))
		}
		leave := func(t *rapid.T) {
			if len(inside) == 0 {
				return
			}
			i := rapid.IntRange(0, len(inside)-1).Draw(t, "who")
			v := inside[i]
			inside = slices.Delete(inside, i, i+1)
			at := tick(t)
			if rapid.Bool().Draw(t, "abandon") {
				sum += m.Abandon(at, v)
				want.Abandoned++
			} else {
				sojourn := m.Depart(at, v)
				sum += sojourn
				want.Sojourn += sojourn
				want.Completed++
				busy += v.Service
			}
			now = max(now, at)
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				at := tick(t)
				inside = append(inside, service.Visit{Arrived: m.Arrive(at), Service: time.Duration(rapid.Int64Range(0, 9).Draw(t, "service"))})
				now = max(now, at)
				want.MaxInFlight = max(want.MaxInFlight, int64(len(inside)))
			},
			"leave": leave,
			"": func(t *rapid.T) {
				if got := m.Stats(now).InFlight; got != int64(len(inside)) || got != m.InFlight() {
					t.Fatalf("in flight %d, want %d", got, len(inside))
				}
			},
		})
		for len(inside) > 0 {
			leave(t)
		}
		got := m.Stats(now)
		want.Area, want.Busy, want.Occupied = sum, busy, got.Occupied
		if got != want {
			t.Fatalf("stats %+v, want %+v", got, want)
		}
		if got.Occupied > got.Area || got.Occupied > now {
			t.Fatalf("occupied for %d ns of %d, with an area of %d", got.Occupied, now, got.Area)
		}
	})
}

func TestOversleep(t *testing.T) {
	var m service.Meter
	a, b, c := m.Arrive(0), m.Arrive(0), m.Arrive(0)
	m.Depart(12, service.Visit{Arrived: a, Service: 10, Finish: 10}) // 2 late
	m.Depart(19, service.Visit{Arrived: b, Service: 10, Finish: 20}) // early: a timer's business, not a gain
	m.Depart(90, service.Visit{Arrived: c, Service: 10})             // no model
	if got := m.Stats(100); got.Oversleep != 2 || got.Busy != 30 || got.Occupied != 90 {
		t.Errorf("%+v; want 2 ns of oversleep, 30 busy, 90 occupied", got)
	}
}

func TestDepartureWithoutArrival(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a departure from an empty server was accepted")
		}
	}()
	new(service.Meter).Depart(0, service.Visit{})
}

func TestHash(t *testing.T) {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], 0x0123456789abcdef)
	once := sha256.Sum256(seed[:])
	twice := sha256.Sum256(once[:])
	for _, c := range []struct {
		rounds uint32
		want   uint64
	}{
		{0, 0x0123456789abcdef},
		{1, binary.BigEndian.Uint64(once[:])},
		{2, binary.BigEndian.Uint64(twice[:])},
	} {
		if got := service.Hash(0x0123456789abcdef, c.rounds); got != c.want {
			t.Errorf("%d rounds: %#x, want %#x", c.rounds, got, c.want)
		}
	}
	// Frozen, so that clients and servers of different builds agree.
	if got := service.Hash(1, 1000); got != 0xb488250802e3dd9f {
		t.Errorf("1000 rounds from 1: %#x", got)
	}
}

func BenchmarkHash(b *testing.B) {
	for b.Loop() {
		service.Hash(1, 1000)
	}
}

func TestLatencies(t *testing.T) {
	var l service.Latencies
	if got := l.Expect(3); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for _, ms := range []time.Duration{90, 10, 30, 20, 40} {
		l.Add(2, ms)
	}
	l.Add(9, 200)
	for found, want := range map[int64]time.Duration{
		0: 30, 2: 30, 4: 30, // the median of those at 2, the nearest
		5: 30, // half way: the lower load
		6: 200, 9: 200, 1000: 200,
	} {
		if got := l.Expect(found); got != want {
			t.Errorf("with %d there: %v, want %v", found, got, want)
		}
	}
	for range 7 {
		l.Add(2, 70) // the old ones are forgotten
	}
	if got := l.Expect(2); got != 70 {
		t.Errorf("after seven of 70: %v", got)
	}
	l.Add(500, 7)
	l.Add(0, 5)
	if got, most := l.Expect(1), l.Expect(64); got != 5 || most != 7 {
		t.Errorf("at the ends: %v and %v, want 5 and 7", got, most)
	}
}
