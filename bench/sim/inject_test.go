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
	w, d := watched(t, "2200us crash b for 2ms", 5)
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
	w, d := watched(t, "1200us pause b for 2300us", 5) // until 3.5 ms, when a message is due
	mustRun(t, w)
	d.want(t, "0s born", "1ms timer 0",
		"3.5ms 0 says 0", "3.5ms timer 1", "3.5ms 0 says 1", "3.5ms 0 says 2", "4.5ms timer 2", "4.5ms 0 says 3",
		"5.5ms timer 3", "5.5ms 0 says 4", "6.5ms timer 4")
}

// On resume the first of what waited may cancel a timer that waited too.
func TestCancelInBacklog(t *testing.T) {
	var d diary
	var kept, gone sim.TimerID
	w := newWorld(t, sim.Config{}, "500us pause b for 10ms")
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
		{"100us crash b for 2ms\n200us crash b for 1ms", "0s 2.1ms | 2.5ms 3.5ms"},
		{"100us crash b for 1ms\n200us crash b for 2ms", "0s 2.2ms | 2.5ms 3.5ms"},
		{"100us crash b\n200us crash b for 2ms", "0s |"},
		{"100us crash b\n200us crash b for 2ms\n1200us restart b", "0s 1.2ms | 1.5ms 2.5ms 3.5ms"},
		{"100us crash b for 1ms\n200us restart b\n700us crash b for 2ms", "0s 0.2ms 2.7ms | 3.5ms"},
		{"100us restart b", "0s | 1.5ms 2.5ms 3.5ms"},
		{"100us pause b for 2ms\n200us crash b for 1ms", "0s 1.2ms | 1.5ms 2.5ms 3.5ms"},
		{"100us crash b for 1ms\n200us pause b for 2ms", "0s 1.1ms | 1.5ms 2.5ms 3.5ms"},
		{"100us pause b for 2ms\n200us pause b for 3ms", "0s | 3.2ms 3.2ms 3.5ms"},
		{"100us pause b\n200us pause b for 3ms\n2200us resume b", "0s | 2.2ms 2.5ms 3.5ms"},
		{"100us resume b", "0s | 1.5ms 2.5ms 3.5ms"},
		{"1100us pause b\n2700us crash b for 100us", "0s 2.8ms | 3.5ms"},
		{"0s cut a - b\n2ms heal", "0s | 2.5ms 3.5ms"},
		{"0s cut a - b for 2ms\n1ms cut a - b for 500us", "0s | 2.5ms 3.5ms"},
		{"0s drop 1\n2ms heal", "0s | 2.5ms 3.5ms"},
		{"0s drop 1 for 2ms\n0s drop 1 for 1ms", "0s | 2.5ms 3.5ms"},
		{"2900us slow 1s\n2950us heal", "0s | 1.5ms 2.5ms 3.5ms"},
		{"0s cut a - b for 1s\n0s heal\n2400us cut a - b", "0s | 1.5ms"}, // what crosses at 2.5 ms is lost
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
		"1ms crash b":           "lies in the past",
		"3ms crash z":           "no node z",
		"3ms cut a - z":         "no node z",
		"3ms crash b torn 0.99": "",
	} {
		s, err := sim.ParseSchedule(text)
		must(err)
		err = w.Inject(s[0])
		if (err == nil) != (says == "") || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	if err := w.Inject(sim.Fault{Kind: "melt"}); err == nil || !strings.Contains(err.Error(), `"melt": want one of crash, restart, pause`) {
		t.Errorf("got %v", err)
	}
	mustRun(t, w)
	d.want(t, "0s born", "1ms timer 0", "1.5ms 0 says 0", "2ms timer 1", "2.5ms 0 says 1", "3ms timer 2")
}

func TestUnknownNodeInTheConfiguration(t *testing.T) {
	w, _ := watched(t, "1ms crash s9", 1)
	if err := w.Run(); err == nil || !strings.Contains(err.Error(), `"1ms crash s9": the world has no node s9`) {
		t.Errorf("got %v", err)
	}
}

func TestEndFaults(t *testing.T) {
	w, d := watched(t, `
		100us crash b
		100us cut a - b
		100us drop 1
		100us fail-write b 1
		10ms pause a
		10ms crash a for 1s`, 12)
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
	w, d := watched(t, "0s cut b - * for 10ms", 2)
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
	w := newWorld(t, sim.Config{Trace: true}, "1500us pause b for 2ms")
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
	if s := w.Stats(); s.Missed != 4 || s.Sent != 8 || !strings.Contains(string(w.Trace()), "0.003500000 - fault 3.5ms crash b for 1ms\n") {
		t.Errorf("stats %+v, trace\n%s", s, w.Trace())
	}
	loop := newWorld(t, sim.Config{}, "")
	loop.Add("a", scripted(script{init: func(env *sim.Env) { env.Exit(1) }}))
	if err := loop.Run(); err == nil || !strings.Contains(err.Error(), "Limits.Faults") {
		t.Errorf("a node that never starts: %v", err)
	}
}
