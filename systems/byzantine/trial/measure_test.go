package trial

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/play"
)

// late are generals who tell of a run before they are done with it, and who are
// some time in being asked.
type late struct{ spent, told time.Duration }

const (
	timely, after = 7 * time.Millisecond, 3 * time.Millisecond // of a run's CPU time
	asked         = 2 * time.Millisecond
)

func (l *late) Play(ctx context.Context, b play.Run) (*play.Outcome, error) {
	l.told = l.spent + timely
	l.spent = l.told + after
	time.Sleep(timely + after)
	return b.PlayUnder(ctx)
}

func (l *late) Muster(context.Context, play.Run) error {
	time.Sleep(asked)
	l.told = l.spent
	return nil
}

func (l *late) Used() time.Duration { return l.told }

// What generals do after they have told of a run is in the window's account, the
// last run's too; what they did before the window is not; and the window's ends are
// told to be as vague as the answers were slow.
func TestWholeAccount(t *testing.T) {
	v, err := (&systems.System{Knobs: play.Knobs}).Resolve(map[string]string{"transport": "memory"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConfig(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, warm := range []time.Duration{0, 25 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			a, err := c.measure(t.Context(), systems.Setting{Seed: 1, Warmup: warm, Length: 50 * time.Millisecond}, &late{})
			if err != nil {
				t.Fatal(err)
			}
			want := (time.Duration(a.Runs) * (timely + after)).Seconds()
			if got := a.CPU + a.Between; math.Abs(got-want) > 1e-9 || a.Runs < 2 {
				t.Errorf("%d runs after %v: %v CPU seconds, the generals spent %v", a.Runs, warm, got, want)
			}
			if length := a.End.Sub(a.Begin); a.Slack != asked/2 || length != time.Duration(a.Runs)*(timely+after)+asked {
				t.Errorf("after %v: a window of %v, its ends known to within %v", warm, length, a.Slack)
			}
		})
	}
}

// A window whose ends are known too vaguely proves nothing of the CPU time in it.
func TestVagueWindow(t *testing.T) {
	for slack, want := range map[time.Duration]bool{0: true, 25 * time.Millisecond: true, 26 * time.Millisecond: false} {
		e := &record.Evidence{End: int64(200 * time.Millisecond), Slack: int64(slack), Facts: map[string]float64{factRuns: 1}}
		if _, ok := perRun(nil, e); ok != want {
			t.Errorf("ends known to within %v: %v, want %v", slack, ok, want)
		}
	}
}
