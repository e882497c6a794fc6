package load_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dyno/bench/load"
	"dyno/internal/record"
)

func TestParseProfile(t *testing.T) {
	for text, want := range map[string]string{
		"100..5000/s over 2m":                 "100..5000/s over 2m0s",
		"100/s for 10s, 2000/s for 1s, 100/s": "100/s over 10s, 2000/s over 1s, 100/s",
		"60..120/min over 1h":                 "1..2/s over 1h0m0s",
		"60/min..2/s":                         "1..2/s",
		"0/s for 1s, 5":                       "0/s over 1s, 5/s",
	} {
		p, err := load.ParseProfile(text)
		if err != nil || p.String() != want {
			t.Errorf("%q: %v, %v; want %s", text, p, err, want)
		}
		if again, err := load.ParseProfile(p.String()); err != nil || !slices.Equal(again, p) {
			t.Errorf("%q does not survive: %v, %v", text, again, err)
		}
	}
	for _, text := range []string{"", "x", "1..2 over", "1/s over 0s", "1/s over -1s", "-1/s", "0/s", "1e9/s", "1/s,", "1..2..3/s", strings.Repeat("1/s,", 1001) + "1/s"} {
		if p, err := load.ParseProfile(text); err == nil {
			t.Errorf("%.20q was accepted: %v", text, p)
		}
	}
}

func profile(t *testing.T, text string, warmup, length time.Duration) load.Profile {
	t.Helper()
	p, err := load.ParseProfile(text)
	if err == nil {
		p, err = p.Fit(warmup, length)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Arrivals of a constant kind stand where the area under the rate is whole.
func TestProfileStarts(t *testing.T) {
	for text, want := range map[string][]time.Duration{
		"10/s, 20/s":             {0, 100, 200, 300, 400, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950},
		"0..20/s":                {0, 316, 447, 548, 632, 707, 775, 837, 894, 949}, // the root of n/10
		"4/s for 500ms, 0/s":     {0, 250},
		"0/s for 500ms, 4/s":     {500, 750},
		"8..0/s over 500ms, 4/s": {0, 146, 500, 750},
	} {
		s := load.Schedule{Arrivals: "constant", Profile: profile(t, text, 0, time.Second)}
		var got []time.Duration
		for _, at := range until(s, time.Second) {
			got = append(got, at.Round(time.Millisecond)/time.Millisecond)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v; want %v", text, got, want)
		}
	}
}

// Whatever the legs: arrivals are in order, and between any two times there are
// as many as the area under the rate between them.
func TestProfileHasItsArea(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p load.Profile
		for range rapid.IntRange(1, 5).Draw(t, "legs") {
			rate := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.1, 500))
			p = append(p, load.Leg{From: rate.Draw(t, "from"), To: rate.Draw(t, "to"), For: time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * ms})
		}
		p[0].From = max(p[0].From, 1)
		before, at, area := time.Duration(-1), time.Duration(0), 0.0
		starts := until(load.Schedule{Arrivals: "constant", Profile: p}, p.Length())
		for _, l := range p {
			at += l.For
			area += (l.From + l.To) / 2 * l.For.Seconds()
			n, _ := slices.BinarySearch(starts, at)
			if math.Abs(float64(n)-math.Ceil(area)) > 1 {
				t.Fatalf("%v: %d arrivals up to %v, the area is %v", p, n, at, area)
			}
		}
		for _, s := range starts {
			if s < before {
				t.Fatalf("%v before %v", s, before)
			}
			before = s
		}
	})
}

// A ramp under load keeps the generator's checks, and what it sent is where it
// was to be.
func TestOpenRamp(t *testing.T) {
	o := load.Open{Arrivals: "constant", Profile: profile(t, "100..300/s", 100*ms, time.Second), Warmup: 100 * ms, Length: time.Second, Step: 250 * ms}
	r := open(t, o, taking(5*ms))
	if r.Window.Offered != 200 || r.Counts.Offered != 210 {
		t.Errorf("offered %d, in the window %d", r.Counts.Offered, r.Window.Offered)
	}
	if want := []int64{32, 43, 57, 68}; !slices.Equal(r.Timeline.Sent, want) || !slices.Equal(r.Timeline.OK, want) {
		t.Errorf("timeline %+v; want %v", r.Timeline, want)
	}
	if c := r.CheckTimeline(); c.Status != record.Valid {
		t.Errorf("%+v", c)
	}
	for name, spoil := range map[string]func(*load.Timeline){
		"one less": func(tl *load.Timeline) { tl.Sent[1]-- },
		"one more": func(tl *load.Timeline) { tl.OK[0]++ },
		"no worst": func(tl *load.Timeline) { clear(tl.Worst) },
	} {
		bad := r
		bad.Timeline = &load.Timeline{Sent: slices.Clone(r.Timeline.Sent), OK: slices.Clone(r.Timeline.OK), Worst: slices.Clone(r.Timeline.Worst)}
		spoil(bad.Timeline)
		if c := bad.CheckTimeline(); c.Status != record.Invalid {
			t.Errorf("%s is not noticed: %+v", name, c)
		}
	}
}

func TestProfileFits(t *testing.T) {
	for text, length := range map[string]time.Duration{"1..2/s over 10s": 5 * time.Second, "1/s for 5s, 2/s": 5 * time.Second} {
		p, err := load.ParseProfile(text)
		if err != nil {
			t.Fatal(err)
		}
		if fitted, err := p.Fit(0, length); err == nil {
			t.Errorf("%s fits into %v: %v", text, length, fitted)
		}
	}
}

func TestReplay(t *testing.T) {
	r, err := load.ReadReplay(strings.NewReader("# a recording\n10.5\n10.6, GET\n\n10.6 x\n11\n"))
	if err != nil || !slices.Equal(r, load.Replay{0, 100 * ms, 100 * ms, 500 * ms}) || r.Length() != 500*ms+1 {
		t.Fatalf("%v, %v", r, err)
	}
	times, err := load.ReadReplay(strings.NewReader("2026-01-02T03:04:05Z\n2026-01-02T03:04:05.25Z\n"))
	if err != nil || !slices.Equal(times, load.Replay{0, 250 * ms}) {
		t.Errorf("%v, %v", times, err)
	}
	for _, text := range []string{"", "# nothing\n", "1\n0.5\n", "soon\n", "-1\n", "NaN\n"} {
		if r, err := load.ReadReplay(strings.NewReader(text)); err == nil {
			t.Errorf("%q was accepted: %v", text, r)
		}
	}
	// What arrives in the first 300 ms arrives during the warm-up, too.
	got := open(t, load.Open{Replay: r, Warmup: 300 * ms, Length: time.Second}, taking(5*ms))
	if got.Counts.Offered != 7 || got.Window != (record.Counts{Offered: 4, Sent: 4, OK: 4}) || got.Length() != time.Second {
		t.Errorf("run %+v, window %+v, %v long", got.Counts, got.Window, got.Length())
	}
}

func TestPeak(t *testing.T) {
	for name, c := range map[string]struct {
		open load.Open
		want float64
	}{
		"rate":   {load.Open{Rate: 7}, 7},
		"ramp":   {load.Open{Rate: 7, Profile: load.Profile{{From: 1, To: 90}, {From: 5, To: 2}}}, 90},
		"replay": {load.Open{Replay: load.Replay{0}}, math.Inf(1)},
	} {
		if got := c.open.Peak(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
