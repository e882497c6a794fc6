package inject_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/inject"
	"dyno/systems"
)

// bench is a bench of which only the setting and the log are of use here.
type bench struct{ systems.Bench }

func (bench) Setting() systems.Setting { return systems.Setting{Seed: 1} }
func (bench) Logf(string, ...any)      {}

// fake is a process that notes what is done to it.
type fake struct {
	systems.Process
	name  string
	began time.Time
	slow  time.Duration // how long it takes to stop
	fails error
	done  []string
}

func (f *fake) note(what string) error {
	f.done = append(f.done, fmt.Sprintf("%v %s", time.Since(f.began), what))
	return f.fails
}

func (f *fake) Name() string  { return f.name }
func (f *fake) Addr() string  { return "127.0.0.1:7" }
func (f *fake) Kill() error   { return f.note("kill") }
func (f *fake) Pause() error  { return f.note("pause") }
func (f *fake) Resume() error { return f.note("resume") }

func (f *fake) FullDisk(full bool) error {
	if full {
		return f.note("full")
	}
	return f.note("room")
}

func (f *fake) Restart(context.Context) error { return f.note("restart") }
func (f *fake) Stop(context.Context) error {
	time.Sleep(f.slow)
	return f.note("stop")
}

// play has faults strike two fakes for ten seconds.
func play(t *testing.T, text string, s1, s2 *fake) (strikes []inject.Strike, missed []string, err error) {
	t.Helper()
	f, err := inject.Open(bench{}, text)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, p := range []*fake{s1, s2} {
		p.name, p.began = fmt.Sprintf("s%d", i+1), time.Now()
		f.Add(p)
	}
	s, err := f.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	strikes, err = s.End()
	return strikes, s.Missed(), err
}

// The words do to real processes what they say, and overlap as they do in the
// simulator: a process is down until the last of its kills is over.
func TestProcesses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                        " | ",
		"kill s1@1s":                              "1s kill | ",
		"kill s1@1s..2s; pause s2@3s..4s":         "1s kill, 2s restart | 3s pause, 4s resume",
		"stop s2@1s..3s":                          " | 1s stop, 3s restart",
		"kill s1@1s; restart s1@5s":               "1s kill, 5s restart | ",
		"restart s1@5s; resume s1@6s":             " | ",
		"kill s1@1s..4s; kill s1@2s..3s":          "1s kill, 4s restart | ",
		"kill s1@1s..3s; stop s1@2s..4s":          "1s kill, 4s restart | ",
		"kill s1@1s..2s; kill s1@2s..3s":          "1s kill, 2s restart, 2s kill, 3s restart | ",
		"pause s1@1s..4s; pause s1@2s..3s":        "1s pause, 4s resume | ",
		"pause s1@1s..4s; kill s1@2s..3s":         "1s pause, 2s kill, 3s restart | ",
		"kill s1@1s..4s; pause s1@2s..3s":         "1s kill, 4s restart | ",
		"kill s1@1s..5s; restart s1@3s":           "1s kill, 3s restart | ",
		"pause s1@1s":                             "1s pause, 10s resume | ", // so that the trial can drain
		"kill s1@20s; pause s1@1s..30s":           "1s pause, 10s resume | ",
		"kill s1@1s..20s":                         "1s kill | ",
		"full-disk s1@1s..2s":                     "1s full, 2s room | ",
		"full-disk s1@1s; kill s1@2s..3s":         "1s full, 2s kill, 3s restart, 3s full, 10s room | ",
		"pause s1@1s; resume s1@2s; pause s1@30s": "1s pause, 2s resume | ",
	} {
		synctest.Test(t, func(t *testing.T) {
			var s1, s2 fake
			strikes, missed, err := play(t, text, &s1, &s2)
			if got := strings.Join(s1.done, ", ") + " | " + strings.Join(s2.done, ", "); got != want || err != nil {
				t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
			}
			for _, s := range strikes {
				if s.At != s.Event.At {
					t.Errorf("%q: %v came at %v", text, s.Event, s.At)
				}
			}
			late := 0
			for line := range strings.SplitSeq(text, ";") {
				if strings.Contains(line, "@20s") || strings.Contains(line, "@30s") {
					late++
				}
			}
			if len(missed) != late {
				t.Errorf("%q: missed %q, want %d of them", text, missed, late)
			}
		})
	}
}

// One process that takes its time does not hold up what happens to another,
// and what has begun when the load ends is finished.
func TestSlowStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s1, s2 := fake{slow: 9500 * time.Millisecond}, fake{}
		_, _, err := play(t, "stop s1@1s..2s; kill s2@2s", &s1, &s2)
		if err != nil || !slices.Equal(s1.done, []string{"10.5s stop"}) || !slices.Equal(s2.done, []string{"2s kill"}) {
			t.Errorf("got %q and %q, %v", s1.done, s2.done, err)
		}
	})
}

func TestFailuresAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s1 := fake{fails: errors.New("it is stuck")}
		strikes, missed, err := play(t, "kill s1@1s", &s1, &fake{})
		if !errors.Is(err, s1.fails) || len(strikes) != 0 || len(missed) != 1 {
			t.Errorf("a kill that failed: %v, strikes %v, missed %q", err, strikes, missed)
		}
	})
}

func TestWhatCannotHappen(t *testing.T) {
	for text, says := range map[string]string{
		"melt s1@1s":          `"melt"`,
		"crash s1@1s":         "crash happens in the simulator only",
		"full-disk s1=0.5@1s": "in the simulator only",
		"duplicate=0.1@1s":    "in the simulator only",
	} {
		if _, err := inject.Open(bench{}, text); err == nil || !systems.IsUsage(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want a usage error with %q", text, err, says)
		}
	}
	ground := inject.Ground{Processes: []string{"s1"}, Links: [][2]string{{"c", "s1"}}}
	for _, text := range []string{"", "kill s1@1s..2s; cut c-s1@1s", "delay=1ms@0s", "reset c->s1@1s"} {
		if err := ground.Check(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, says := range map[string]string{
		"kill s3@1s":   `process "s3" is not one of s1`,
		"cut c->s3@1s": "no link matches c->s3; there are: c->s1",
	} {
		if err := ground.Check(text); err == nil || !systems.IsUsage(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q on that ground: %v, want a usage error with %q", text, err, says)
		}
		f, err := inject.Open(bench{}, text)
		if err != nil {
			t.Fatal(err)
		}
		s1 := &fake{name: "s1", began: time.Now()}
		f.Add(s1)
		if _, err := f.Link("c", s1); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Begin(t.Context()); err == nil || !systems.IsUsage(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want a usage error with %q", text, err, says)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Only a trial whose links are to be struck pays for one.
func TestLinkOnlyIfNeeded(t *testing.T) {
	for text, direct := range map[string]bool{"": true, "kill s1@1s": true, "cut c-s1@1s": false} {
		f, err := inject.Open(bench{}, text)
		if err != nil {
			t.Fatal(err)
		}
		addr, err := f.Link("c", &fake{name: "s1"})
		if err != nil || (addr == "127.0.0.1:7") != direct {
			t.Errorf("%q: the server is reached at %s, %v", text, addr, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLinksKnob(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "delay a->b = 5ms@0s": "delay a->b=5ms@0s", "cut a-b@1s; kill b@2s": "!", "duplicate=0.1@0s": "!", "melt b@1s": "!",
	} {
		got, err := inject.Links.Type.Parse(text)
		if (err != nil) != (want == "!") || err == nil && got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestKnob(t *testing.T) {
	for text, want := range map[string]string{"": "", " kill  s1 @1s ;": "kill s1@1s", "melt s1@1s": "!"} {
		got, err := inject.Knob.Type.Parse(text)
		if (err != nil) != (want == "!") || err == nil && got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
