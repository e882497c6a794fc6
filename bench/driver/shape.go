package driver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
)

// The knobs by which a load changes with time, or ends before its time.
const (
	KnobRamp    = "ramp"
	KnobReplay  = "replay"
	KnobAbortOn = "abort-on"
	KnobSpans   = "spans"
)

// ShapeKnobs are those, for a system that puts services of others under load.
var ShapeKnobs = systems.Knobs{
	{
		Name: KnobRamp, Default: "", Type: systems.Text{What: "a ramp such as 100..5000/s over 2m, or nothing", Check: maybe(canonicalRamp)},
		Help: "open loop: how the rate changes, in place of rate; parts joined by commas: 100..5000/s over 2m, or 100/s for 10s, " +
			"2000/s for 1s, 100/s; parts that do not say how long they take share the rest of the window",
	},
	{
		Name: KnobReplay, Default: "", Type: systems.Text{What: "a file, or nothing"},
		Help: "open loop: when requests arrive, in place of rate and arrivals; one time a line: seconds, a duration, or date and time (RFC 3339)",
	},
	{
		Name: KnobAbortOn, Default: "",
		Type: systems.Text{What: "a bound such as errors > 5% over 10s, or nothing", Check: maybe(canonicalLimit)},
		Help: "end the run, as a failed one, when more than this share of the last requests failed",
	},
	{
		Name: KnobSpans, Unit: "spans", Default: fmt.Sprint(load.DefaultMaxSpans), Type: systems.Int{Min: 10_000, Max: 64 << 20},
		Help: "requests that are kept one by one, 32 to 40 bytes each; later ones are folded into histograms and sums, however many they are",
	},
}

// ShapeNames are the names of these knobs.
var ShapeNames = []string{KnobRamp, KnobReplay, KnobAbortOn, KnobSpans}

func maybe(check func(string) (string, error)) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		return check(text)
	}
}

func canonicalRamp(text string) (string, error) {
	p, err := load.ParseProfile(text)
	return p.String(), err
}

func canonicalLimit(text string) (string, error) {
	if _, err := load.ParseLimit(text); err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(text), " "), nil
}

// Shape is what the knobs say. The zero value changes nothing, and draws no
// timeline.
type Shape struct {
	ramp, file, abortOn string
	spans               int
	timeline            bool

	// What they are in a window, once it is known.
	profile load.Profile
	replay  load.Replay
}

// ShapeOf reads them, and asks for a timeline.
func ShapeOf(v systems.Values) Shape {
	s := shapeOf(v)
	s.spans, s.timeline = v.Int(KnobSpans), true
	return s
}

// shapeOf are those of a system that may have none.
func shapeOf(v systems.Values) Shape {
	return Shape{ramp: v[KnobRamp], file: v[KnobReplay], abortOn: v[KnobAbortOn]}
}

func (s Shape) shaped() bool { return s.ramp != "" || s.file != "" }

// loop is the loop that a person means who asks for a ramp and for no loop.
func (s Shape) loop(kind string) string {
	if s.shaped() && kind == Closed {
		return Open
	}
	return kind
}

func (s Shape) step(length time.Duration) time.Duration {
	if !s.timeline {
		return 0
	}
	return load.Step(length)
}

// fits refuses a shape that a driver has not, or that a window has no room for.
func (s Shape) fits(driver string, warmup, length time.Duration) error {
	switch {
	case s.ramp != "" && s.file != "":
		return errors.New("ramp and replay both say when requests arrive: give one of them")
	case driver != Open:
		return fmt.Errorf("ramp and replay are of the open loop, not of driver %s", driver)
	case s.file != "":
		return nil
	}
	p, err := load.ParseProfile(s.ramp)
	if err == nil {
		_, err = p.Fit(warmup, length)
	}
	return err
}

// lay makes of the knobs what they are in the flags' window, which takes as long
// as they do unless somebody chose otherwise.
func (s *Shape) lay(f *Flags, driver string) (err error) {
	if !s.shaped() {
		return nil
	}
	var p load.Profile
	if s.file != "" {
		if s.replay, err = readReplay(s.file); err != nil {
			return systems.Usagef("--replay %s: %w", s.file, err)
		}
		if !f.Chosen {
			f.Length = s.replay.Length()
		}
	} else if p, err = load.ParseProfile(s.ramp); err != nil {
		return systems.Usagef("--ramp: %w", err)
	} else if !f.Chosen {
		f.Length = max(f.Length, p.Length())
		if p.Complete() {
			f.Length = p.Length()
		}
	}
	if err := s.fits(driver, f.Warmup, f.Length); err != nil {
		return systems.Usagef("%w", err)
	}
	if p != nil {
		s.profile, err = p.Fit(f.Warmup, f.Length)
	}
	return err
}

func readReplay(path string) (load.Replay, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return load.ReadReplay(file)
}

// watch is a single loop that ends when a bound says so: what it brought until
// then fails the check "abort-on".
func (s Shape) watch(single func(each func(record.Span)) Single) Loop {
	if s.abortOn == "" {
		return Once(single(nil))
	}
	return func(ctx context.Context, op load.Op) (load.Summary, error) {
		limit, err := load.ParseLimit(s.abortOn)
		if err != nil {
			return load.Summary{}, systems.Usagef("--abort-on: %w", err)
		}
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		guard := load.NewGuard(limit, stop)
		res, err := single(guard.See).Run(ctx, op)
		if err != nil && guard.Tripped() == nil {
			return load.Summary{}, err
		}
		sum := res.Summary()
		check := record.Pass("abort-on", res.Counts.Sent)
		if c := guard.Tripped(); c != nil {
			check = *c
		}
		sum.Checks = append(sum.Checks, check)
		return sum, nil
	}
}
