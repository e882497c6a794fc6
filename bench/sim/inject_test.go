package sim_test

import (
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
)

// watched is a world in which b hears a message from a every millisecond, at
// half past, and has a timer of its own every millisecond.
func watched(t *testing.T, faults string, length uint64) (*sim.World, *diary) {
	t.Helper()
	var d diary
	w := newWorld(t, sim.Config{Network: constant(ms / 2)}, faults)
	b := sim.ID(1)
	w.Add("a", scripted(ticker(ms, length, func(env *sim.Env, i uint64) { env.Send(b, i) })))
	n := d.listener()
	n.init = func(env *sim.Env) {
		d.note(env, "born")
		env.SetTimer(ms, 0)
	}
	heard := n.timer
	n.timer = func(env *sim.Env, tag uint64) {
		heard(env, tag)
		if tag+1 < length {
			env.SetTimer(ms, tag+1)
		}
	}
	w.Add("b", scripted(n))
	return w, &d
}

func TestCrashKillsTimersMemoryAndMessages(t *testing.T) {
	w, d := watched(t, "crash b@2.2ms..4.2ms", 5)
	if w.Node(1) != nil {
		t.Error("b lives before the start")
	}
	must(w.RunUntil(3 * ms))
	if w.Node(1) != nil || w.Node(0) == nil {
		t.Error("b lives while it is down, or a does not")
	}
	mustRun(t, w)
	d.want(t, "0s born", "1ms timer 0", "1.5ms 0 says 0", "2ms timer 1",
		"4.2ms born", "4.5ms 0 says 3", "5.2ms timer 0", "5.5ms 0 says 4", "6.2ms timer 1", "7.2ms timer 2", "8.2ms timer 3", "9.2ms timer 4")
	if s := w.Stats(); s.Missed != 2 || s.Delivered != 3 {
		t.Errorf("stats %+v", s)
	}
}

// Like SIGSTOP: nothing comes while paused, then all of it, in order, before
// anything else.
func TestPauseDeliversLaterInOrder(t *testing.T) {
	w, d := watched(t, "pause b@1.2ms..3.5ms", 5) // until 3.5 ms, when a message is due
	mustRun(t, w)
	d.want(t, "0s born", "1ms timer 0",
		"3.5ms 0 says 0", "3.5ms timer 1", "3.5ms 0 says 1", "3.5ms 0 says 2", "4.5ms timer 2", "4.5ms 0 says 3",
		"5.5ms timer 3", "5.5ms 0 says 4", "6.5ms timer 4")
}

// On resume the first of what waited may cancel a timer that waited too.
func TestCancelInBacklog(t *testing.T) {
	var d diary
	var kept, gone sim.TimerID
	w := newWorld(t, sim.Config{}, "pause b@500us..10.5ms")
	w.Add("a", scripted(script{
		init:  func(env *sim.Env) { env.SetTimer(ms, 0) },
		timer: func(env *sim.Env, _ uint64) { env.Send(1, "stop") },
	}))
	n := d.listener()
	n.init = func(env *sim.Env) {
		env.SetTimer(900*time.Microsecond, 1)
		gone = env.SetTimer(2*ms, 2)
		kept = env.SetTimer(3*ms, 3)
	}
	n.receive = func(env *sim.Env, _ sim.ID, _ any) {
		if !env.Cancel(gone) || env.Cancel(gone) {
			t.Error("Cancel does not say whether the timer was going to fire")
		}
		d.note(env, "stop")
	}
	n.timer = func(env *sim.Env, tag uint64) {
		d.note(env, "timer %d", tag)
		if tag == 3 && env.Cancel(kept) {
			t.Error("a timer that has fired was cancelled")
		}
	}
	w.Add("b", scripted(n))
	mustRun(t, w)
	d.want(t, "10.5ms timer 1", "10.5ms stop", "10.5ms timer 3")
}

// What holds a node down is counted: it comes back when the last has ended,
// or by a restart.
func TestFaultsOverlap(t *testing.T) {
	for _, c := range []struct {
		faults string
		want   string // when b is born, and when it hears messages of 0.5 + i ms
	}{
		{"crash b@100us..2.1ms\ncrash b@200us..1.2ms", "0s 2.1ms | 2.5ms 3.5ms"},
		{"crash b@100us..1.1ms\ncrash b@200us..2.2ms", "0s 2.2ms | 2.5ms 3.5ms"},
		{"crash b@100us\ncrash b@200us..2.2ms", "0s |"},
		{"crash b@100us\ncrash b@200us..2.2ms\nrestart b@1.2ms", "0s 1.2ms | 1.5ms 2.5ms 3.5ms"},
		{"crash b@100us..1.1ms\nrestart b@200us\ncrash b@700us..2.7ms", "0s 0.2ms 2.7ms | 3.5ms"},
		{"restart b@100us", "0s | 1.5ms 2.5ms 3.5ms"},
		{"pause b@100us..2.1ms\ncrash b@200us..1.2ms", "0s 1.2ms | 1.5ms 2.5ms 3.5ms"},
		{"crash b@100us..1.1ms\npause b@200us..2.2ms", "0s 1.1ms | 1.5ms 2.5ms 3.5ms"},
		{"pause b@100us..2.1ms\npause b@200us..3.2ms", "0s | 3.2ms 3.2ms 3.5ms"},
		{"pause b@100us\npause b@200us..3.2ms\nresume b@2.2ms", "0s | 2.2ms 2.5ms 3.5ms"},
		{"resume b@100us", "0s | 1.5ms 2.5ms 3.5ms"},
		{"pause b@1.1ms\ncrash b@2.7ms..2.8ms", "0s 2.8ms | 3.5ms"},
		{"cut a<->b@0s\nheal@2ms", "0s | 2.5ms 3.5ms"},
		{"cut a<->b@0s..2ms\ncut a<->b@1ms..1.5ms", "0s | 2.5ms 3.5ms"},
		{"drop=1@0s\nheal@2ms", "0s | 2.5ms 3.5ms"},
		{"drop=1@0s..2ms\ndrop=1@0s..1ms", "0s | 2.5ms 3.5ms"},
		{"delay=500ms±500ms@2.9ms\nheal@2.95ms", "0s | 1.5ms 2.5ms 3.5ms"},
		{"cut a<->b@0s..1s\nheal@0s\ncut a<->b@2.4ms", "0s | 1.5ms"}, // what crosses at 2.5 ms is lost
	} {
		w, d := watched(t, c.faults, 3)
		mustRun(t, w)
		births, hears, _ := strings.Cut(c.want, "|")
		var want, got []string
		for at := range strings.FieldsSeq(births) {
			want = append(want, at+" born")
		}
		want = append(want, strings.Fields(hears)...)
		for _, suffix := range []string{"born", "says"} {
			for _, line := range *d {
				words := strings.Fields(line)
				switch {
				case suffix == "born" && words[1] == "born":
					got = append(got, strings.Replace(words[0], "200µs", "0.2ms", 1)+" born")
				case suffix == "says" && words[1] == "0":
					got = append(got, words[0])
				}
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: got %q, want %q", c.faults, got, want)
		}
	}
}

func TestInject(t *testing.T) {
	w, d := watched(t, "", 4)
	must(w.RunUntil(2 * ms))
	for text, says := range map[string]string{
		"crash b@1ms":      "lies in the past",
		"crash z@3ms":      "no node z",
		"cut a<->z@3ms":    "no node z",
		"crash b=0.99@3ms": "",
	} {
		s, err := sim.ParseSchedule(text)
		must(err)
		err = w.Inject(s[0])
		if (err == nil) != (says == "") || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	if err := w.Inject(sim.Fault{Kind: "melt"}); err == nil || !strings.Contains(err.Error(), `"melt": want one of kill, crash, stop`) {
		t.Errorf("got %v", err)
	}
	mustRun(t, w)
	d.want(t, "0s born", "1ms timer 0", "1.5ms 0 says 0", "2ms timer 1", "2.5ms 0 says 1", "3ms timer 2")
}

func TestUnknownNodeInTheConfiguration(t *testing.T) {
	w, _ := watched(t, "crash s9@1ms", 1)
	if err := w.Run(); err == nil || !strings.Contains(err.Error(), `"crash s9@1ms": the world has no node s9`) {
		t.Errorf("got %v", err)
	}
}

func TestEndFaults(t *testing.T) {
	w, d := watched(t, `
		crash b@100us
		cut a<->b@100us
		drop=1@100us
		full-disk b@100us
		pause a@10ms
		crash a@10ms..1.01s`, 12)
	must(w.RunUntil(2200 * time.Microsecond))
	w.EndFaults()
	must(w.RunUntil(4 * ms))
	d.want(t, "0s born", "2.2ms born", "3.2ms timer 0", "3.5ms 0 says 2")
	if err := w.Node(1).(*script).env.Disk().Append("log", nil); err != nil {
		t.Error(err)
	}
	must(w.Inject(sim.Fault{At: 5100 * time.Microsecond, Kind: sim.Pause, Node: "b"})) // counts again
	must(w.RunUntil(11 * ms))
	w.EndFaults()
	mustRun(t, w)
	var heard int
	for _, line := range *d {
		if strings.Contains(line, "says") {
			heard++
		}
	}
	if heard != 10 || w.Now() > 20*ms {
		t.Errorf("%d messages came, want the 10 after the first two; the time is %v\n%s", heard, w.Now(), strings.Join(*d, "\n"))
	}
}

// Nodes may be added between runs, and feel faults that were there before.
func TestLateNode(t *testing.T) {
	w, d := watched(t, "cut b<->*@0s..10ms", 2)
	must(w.RunUntil(3 * ms))
	w.Add("c", scripted(ticker(ms, 12, func(env *sim.Env, i uint64) { env.Send(1, i) })))
	mustRun(t, w)
	var heard []string
	for _, line := range *d {
		if strings.Contains(line, "2 says") {
			heard = append(heard, line)
		}
	}
	if want := "10.5ms 2 says 6"; len(heard) != 6 || heard[0] != want {
		t.Errorf("heard %q, want 6 from %q", heard, want)
	}
}

// A process that gives up: what it does afterwards does not happen, what it had
// is gone, and it comes back.
func TestExit(t *testing.T) {
	var d diary
	w := newWorld(t, sim.Config{Trace: true}, "pause b@1.5ms..3.5ms")
	lives := 0
	w.Add("a", scripted(ticker(ms, 8, func(env *sim.Env, i uint64) { env.Send(1, i) })))
	n := d.listener()
	heard := n.receive
	n.init = func(env *sim.Env) {
		lives++
		d.note(env, "life %d with %q", lives, env.Disk().Read("log"))
		if lives == 2 {
			env.Exit(ms)
			env.Exit(time.Hour) // is dead already
		}
	}
	n.receive = func(env *sim.Env, from sim.ID, msg any) {
		heard(env, from, msg)
		must(env.Disk().Append("log", []byte("x")))
		switch msg {
		case uint64(1):
			env.SetTimer(0, 1)
			env.Exit(ms)
			env.Send(env.ID(), "ghost")
		case uint64(6):
			env.Exit(0) // for good
		}
	}
	w.Add("b", scripted(n))
	mustRun(t, w)
	// messages 1 and 2 wait for the end of the pause; 2 is lost with the life
	d.want(t, `0s life 1 with ""`, "1ms 0 says 0", "3.5ms 0 says 1", `4.5ms life 2 with ""`, `5.5ms life 3 with ""`, "6ms 0 says 5", "7ms 0 says 6")
	if s := w.Stats(); s.Missed != 4 || s.Sent != 8 || !strings.Contains(string(w.Trace()), "0.003500000 - fault crash b@3.5ms..4.5ms\n") {
		t.Errorf("stats %+v, trace\n%s", s, w.Trace())
	}
	loop := newWorld(t, sim.Config{}, "")
	loop.Add("a", scripted(script{init: func(env *sim.Env) { env.Exit(1) }}))
	if err := loop.Run(); err == nil || !strings.Contains(err.Error(), "Limits.Faults") {
		t.Errorf("a node that never starts: %v", err)
	}
}

// polite says goodbye when it is asked to stop.
type polite struct{ script }

func (p *polite) Stop() { p.env.Send(0, "goodbye") }

// A node that is asked to stop takes its leave, also when it is paused; one
// that is killed does not.
func TestStop(t *testing.T) {
	for fault, want := range map[string]string{
		"stop b@2ms..3ms":              "2ms 1 says goodbye",
		"pause b@1ms; stop b@2ms..3ms": "2ms 1 says goodbye",
		"kill b@2ms..3ms":              "",
	} {
		w := newWorld(t, sim.Config{}, fault)
		lives, d := 0, diary{}
		w.Add("a", scripted(d.listener()))
		w.Add("b", func() sim.Node { lives++; return &polite{} })
		mustRun(t, w)
		if got := strings.Join(d, "\n"); got != want || lives != 2 {
			t.Errorf("%s: a hears %q, want %q, and b has %d lives, want 2", fault, got, want, lives)
		}
	}
}
