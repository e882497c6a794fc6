package sim_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"dyno/bench/sim"
	"pgregory.net/rapid"
)

// onDisk has one node do something in each of its lives, and then returns what
// the disk holds and the diary.
func onDisk(t *testing.T, faults string, lives ...func(env *sim.Env)) (*sim.World, diary) {
	t.Helper()
	var d diary
	w := newWorld(t, sim.Config{Sync: sim.Delay{Base: 10 * ms}}, faults)
	life := 0
	n := d.listener()
	n.init = func(env *sim.Env) {
		if life < len(lives) {
			lives[life](env)
		}
		life++
	}
	w.Add("a", scripted(n))
	mustRun(t, w)
	if life < len(lives) {
		t.Errorf("%d lives, want at least %d", life, len(lives))
	}
	return w, d
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A crash loses the unsynced tail and keeps the synced part; torn keeps a
// prefix of the tail, possibly half a record.
func TestCrashLosesTheUnsyncedTail(t *testing.T) {
	for _, c := range []struct{ crash, want string }{
		{"crash a@5ms..6ms", ""}, // the sync is under way
		{"crash a@15ms..16ms", "one."},
		{"crash a=0.1@15ms..16ms", "one.t"},
		{"crash a=0.5@15ms..16ms", "one.two.t"},
		{"crash a=1@15ms..16ms", "one.two.three."},
		{"kill a@15ms..16ms", "one.two.three."}, // the machine stays up
		{"stop a@15ms..16ms", "one.two.three."},
		{"crash a=0.5@9.999999ms..10.999999ms", "one.two"}, // of 14 bytes, not of 10
	} {
		w, d := onDisk(t, c.crash, func(env *sim.Env) {
			must(env.Disk().Append("log", []byte("one.")))
			env.Disk().Sync(1)
			must(env.Disk().Append("log", []byte("two.")))
			must(env.Disk().Append("log", []byte("three.")))
			if got := string(env.Disk().Read("log")); got != "one.two.three." {
				t.Errorf("the node reads %q", got)
			}
		}, func(env *sim.Env) {
			if got := string(env.Disk().Read("log")); got != c.want {
				t.Errorf("%s: %q survives, want %q", c.crash, got, c.want)
			}
			must(env.Disk().Append("log", []byte("new.")))
			env.Disk().Sync(2)
		})
		if got := string(w.Durable(0, "log")); got != c.want+"new." {
			t.Errorf("%s: %q at the end", c.crash, got)
		}
		if len(d) > 2 || d[len(d)-1][len(d[len(d)-1])-14:] != "synced 2 <nil>" {
			t.Errorf("%s: the node heard %q", c.crash, d)
		}
	}
}

func TestSyncCoversWhatCameBefore(t *testing.T) {
	w, d := onDisk(t, "", func(env *sim.Env) {
		must(env.Disk().Append("log", []byte("a")))
		env.Disk().Sync(1)
		env.Disk().Sync(2) // one after the other
		must(env.Disk().Append("log", []byte("b")))
	})
	d.want(t, "10ms synced 1 <nil>", "20ms synced 2 <nil>")
	if got := string(w.Durable(0, "log")); got != "a" {
		t.Errorf("%q is durable, want a", got)
	}
}

func TestReplaceIsAtomic(t *testing.T) {
	for _, c := range []struct{ torn, want string }{{"0.01", "old"}, {"0.99", "old"}, {"1", "a new one"}} {
		onDisk(t, "crash a="+c.torn+"@15ms..16ms", func(env *sim.Env) {
			must(env.Disk().Replace("state", []byte("old")))
			env.Disk().Sync(1)
			must(env.Disk().Replace("state", []byte("a new one")))
		}, func(env *sim.Env) {
			if got := string(env.Disk().Read("state")); got != c.want {
				t.Errorf("torn %s: %q, want %q", c.torn, got, c.want)
			}
		})
	}
}

func TestFilesTruncateRemove(t *testing.T) {
	w, _ := onDisk(t, "crash a@15ms..16ms", func(env *sim.Env) {
		d := env.Disk()
		must(d.Append("b", nil))
		must(d.Append("a", []byte("12345")))
		must(d.Replace("c", nil))
		must(d.Append("gone", []byte("x")))
		must(d.Truncate("a", 2))
		must(d.Truncate("a", 7))
		must(d.Truncate("none", 0))
		must(d.Remove("gone"))
		must(d.Append("a", []byte("6")))
		if got := d.Files(); !slices.Equal(got, []string{"a", "b", "c"}) || d.Size("a") != 3 || d.Size("gone") != 0 {
			t.Errorf("files %q, a has %d bytes", got, d.Size("a"))
		}
		if d.Read("b") == nil || d.Read("none") != nil {
			t.Error("an empty file does not differ from none")
		}
		d.Sync(1)
		must(d.Remove("a")) // not durable
		must(d.Truncate("c", -1))
	}, func(env *sim.Env) {
		if got := string(env.Disk().Read("a")); got != "126" || len(env.Disk().Files()) != 3 {
			t.Errorf("a is %q, files %q", got, env.Disk().Files())
		}
	})
	if got := string(w.Durable(0, "a")); got != "126" {
		t.Errorf("%q is durable", got)
	}
}

func TestReadAndAppendCopy(t *testing.T) {
	w, _ := onDisk(t, "", func(env *sim.Env) {
		data := []byte("abc")
		must(env.Disk().Append("log", data))
		must(env.Disk().Replace("state", data))
		data[0] = 'x'
		env.Disk().Read("log")[1] = 'x'
		env.Disk().Read("state")[1] = 'x'
		if got := string(env.Disk().Read("log")) + string(env.Disk().Read("state")); got != "abcabc" {
			t.Errorf("the disk shares memory: %q", got)
		}
		env.Disk().Sync(1)
	})
	if got := string(w.Durable(0, "log")) + string(w.Durable(0, "state")); got != "abcabc" {
		t.Errorf("the disk shares memory with the writer until it syncs: %q", got)
	}
}

// What a life does to the file that it found is as volatile as the rest.
func TestSecondCrash(t *testing.T) {
	w, _ := onDisk(t, "crash a@15ms..16ms\ncrash a@20ms..21ms", func(env *sim.Env) {
		must(env.Disk().Append("log", []byte("abcdef")))
		env.Disk().Sync(1)
	}, func(env *sim.Env) {
		must(env.Disk().Truncate("log", 2))
		must(env.Disk().Append("log", []byte("XX")))
	}, func(env *sim.Env) {
		if got := string(env.Disk().Read("log")); got != "abcdef" {
			t.Errorf("%q survives", got)
		}
	})
	if got := string(w.Durable(0, "log")); got != "abcdef" {
		t.Errorf("%q is durable", got)
	}
}

// A crash abandons the syncs of the old life: a new one does not wait for them.
func TestCrashAbandonsSyncs(t *testing.T) {
	_, d := onDisk(t, "crash a@2ms..3ms", func(env *sim.Env) {
		for tag := range uint64(10) { // for 100 ms
			env.Disk().Sync(tag)
		}
	}, func(env *sim.Env) { env.Disk().Sync(77) })
	d.want(t, "13ms synced 77 <nil>")
}

func TestFullDisk(t *testing.T) {
	var d diary
	w := newWorld(t, sim.Config{}, "full-disk a@3.5ms..6.5ms")
	w.Add("a", scripted(ticker(ms, 10, func(env *sim.Env, i uint64) {
		record := []byte{'0' + byte(i)}
		err := env.Disk().Append("log", record)
		if err2 := env.Disk().Replace("last", record); !errors.Is(err2, err) {
			t.Errorf("Append says %v and Replace %v", err, err2)
		}
		if err != nil && !errors.Is(err, sim.ErrWrite) {
			t.Error(err)
		}
		d.note(env, "%s %s", env.Disk().Read("log"), env.Disk().Read("last"))
	})))
	mustRun(t, w)
	d.want(t, "1ms 0 0", "2ms 01 1", "3ms 012 2", "4ms 012 2", "5ms 012 2", "6ms 012 2", "7ms 0126 6", "8ms 01267 7", "9ms 012678 8", "10ms 0126789 9")
}

// A failed sync drops what it covered; a later one does not bring it back.
func TestFailSync(t *testing.T) {
	write := func(env *sim.Env) {
		must(env.Disk().Append("log", []byte("AA")))
		env.Disk().Sync(1)
	}
	w, d := onDisk(t, "fail-sync a@5ms..15ms", func(env *sim.Env) {
		write(env)
		must(env.Disk().Append("log", []byte("BB")))
		env.Disk().Sync(2) // ends at 20 ms, after the fault
	})
	d.want(t, "10ms synced 1 sim: disk sync failed", "20ms synced 2 <nil>")
	if got := w.Durable(0, "log"); !bytes.Equal(got, []byte("\x00\x00BB")) {
		t.Errorf("%q is durable, want a hole and BB", got)
	}
	onDisk(t, "fail-sync a@5ms..15ms\ncrash a@30ms..31ms", write, func(env *sim.Env) {
		if got := env.Disk().Size("log"); got != 0 {
			t.Errorf("%d bytes survive a failed sync", got)
		}
	})
	w, _ = onDisk(t, "fail-sync a@15ms..25ms", func(env *sim.Env) {
		must(env.Disk().Append("log", []byte("abcdef")))
		env.Disk().Sync(1)
		must(env.Disk().Truncate("log", 2))
		env.Disk().Sync(2) // fails
		must(env.Disk().Append("log", []byte("X")))
		env.Disk().Sync(3)
	})
	if got := string(w.Durable(0, "log")); got != "abXdef" {
		t.Errorf("%q is durable, want abXdef: the truncation was lost, the write was not", got)
	}
}

func TestDiskFaultRates(t *testing.T) {
	const n = 5000
	var writes, syncs uint64
	w := newWorld(t, sim.Config{Sync: sim.Delay{Base: ms / 2}}, "full-disk a=0.3@0s\nfail-sync a=0.2@0s")
	s := ticker(ms, n, func(env *sim.Env, _ uint64) {
		if env.Disk().Append("log", []byte("x")) != nil {
			writes++
		}
		env.Disk().Sync(0)
	})
	s.synced = func(_ *sim.Env, _ uint64, err error) {
		if err != nil {
			syncs++
		}
	}
	w.Add("a", scripted(s))
	mustRun(t, w)
	near(t, "fail-write", writes, n, 0.3)
	near(t, "fail-sync", syncs, n, 0.2)
}

func TestSlowDisk(t *testing.T) {
	_, d := onDisk(t, "slow-disk a=5ms@0s\nslow-disk a=30ms@10ms..11ms", func(env *sim.Env) {
		env.SetTimer(ms, 0)
	})
	d.want(t, "1ms timer 0")
	var e diary
	w := newWorld(t, sim.Config{Sync: sim.Delay{Base: 2 * ms}}, "slow-disk a=5ms@0s..25ms\nslow-disk a=30ms@15ms..16ms")
	n := ticker(10*ms, 6, func(env *sim.Env, i uint64) { env.Disk().Sync(i) })
	n.synced = func(env *sim.Env, tag uint64, _ error) { e.note(env, "%d", tag) }
	w.Add("a", scripted(n))
	mustRun(t, w)
	e.want(t, "17ms 0", "27ms 1", "32ms 2", "42ms 3", "52ms 4", "62ms 5")
}

// A sync goes on while the process is stopped; it hears of it afterwards.
func TestPauseDoesNotStopTheDisk(t *testing.T) {
	var early []byte
	var d diary
	w := newWorld(t, sim.Config{Sync: sim.Delay{Base: 10 * ms}}, "pause a@5ms..25ms")
	n := d.listener()
	n.init = func(env *sim.Env) {
		must(env.Disk().Append("log", []byte("x")))
		env.Disk().Sync(1)
	}
	a := w.Add("a", scripted(n))
	must(w.RunUntil(15 * ms))
	early = w.Durable(a, "log")
	mustRun(t, w)
	d.want(t, "25ms synced 1 <nil>")
	if string(early) != "x" {
		t.Errorf("%q is durable during the pause", early)
	}
}

// A dead life changes nothing.
func TestDeadLife(t *testing.T) {
	var d diary
	var old *sim.Env
	w := newWorld(t, sim.Config{Sync: sim.Delay{Base: ms}}, "crash a@5ms..10ms")
	n := d.listener()
	n.init = func(env *sim.Env) {
		if old == nil {
			old = env
			return
		}
		if old.SetTimer(ms, 1) != 0 || old.Cancel(1) || old.Disk().Append("log", []byte("x")) == nil {
			t.Error("a dead life does things")
		}
		old.Send(0, "ghost")
		old.Disk().Sync(9)
		old.Fail(errors.New("ghost"))
		old.Stop()
		old.Trace("ghost")
		env.SetTimer(ms, 2)
	}
	w.Add("a", scripted(n))
	mustRun(t, w)
	d.want(t, "11ms timer 2")
}

// The disk against a model: random changes, syncs of which some fail, and a
// crash at the end. Whatever the model says may survive does.
func TestDiskAgainstModel(t *testing.T) {
	type state map[string]string
	rapid.Check(t, func(t *rapid.T) {
		w, err := sim.New(sim.Config{})
		must(err)
		var env *sim.Env
		w.Add("a", func() sim.Node { return &script{init: func(e *sim.Env) { env = e }} })
		must(w.RunUntil(0))
		synced := state{}         // what is durable for certain
		tail := []state{synced}   // and after each change since
		now := maps.Clone(synced) // what the node sees
		file := rapid.SampledFrom([]string{"x", "y"})
		data := rapid.StringMatching("[a-z]{1,4}")
		for range rapid.IntRange(1, 40).Draw(t, "operations") {
			f := file.Draw(t, "file")
			d := env.Disk()
			_, there := now[f]
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0, 1:
				s := data.Draw(t, "data")
				must(d.Append(f, []byte(s)))
				for i := 1; i < len(s); i++ { // a torn record
					part := maps.Clone(now)
					part[f] += s[:i]
					tail = append(tail, part)
				}
				now[f] += s
			case 2:
				now[f] = data.Draw(t, "data")
				must(d.Replace(f, []byte(now[f])))
			case 3:
				n := rapid.IntRange(0, 6).Draw(t, "size")
				must(d.Truncate(f, n))
				if there {
					now[f] = now[f][:min(n, len(now[f]))]
				}
			case 4:
				must(d.Remove(f))
				delete(now, f)
			case 5:
				d.Sync(0)
				must(w.RunUntil(w.Now() + 1))
				synced, tail = maps.Clone(now), nil
			}
			tail = append(tail, maps.Clone(now))
			for _, name := range d.Files() {
				if string(d.Read(name)) != now[name] {
					t.Fatalf("%s is %q, want %q", name, d.Read(name), now[name])
				}
			}
			if len(d.Files()) != len(now) {
				t.Fatalf("files %q, want %v", d.Files(), now)
			}
		}
		torn := rapid.SampledFrom([]float64{0, 0, 0.3, 0.7, 1}).Draw(t, "torn")
		must(w.Inject(sim.Fault{At: w.Now(), Kind: sim.Crash, Node: "a", P: torn, For: 1}))
		must(w.RunUntil(w.Now() + time.Second))
		after := state{}
		for _, name := range env.Disk().Files() {
			after[name] = string(env.Disk().Read(name))
		}
		may := slices.ContainsFunc(tail, func(s state) bool { return maps.Equal(s, after) })
		switch {
		case torn == 0 && !maps.Equal(after, synced):
			t.Fatalf("%v survives, want what was synced: %v", after, synced)
		case torn == 1 && !maps.Equal(after, now):
			t.Fatalf("%v survives, want all: %v", after, now)
		case !may:
			t.Fatalf("%v survives, which was never on its way to the disk: %v", after, tail)
		}
	})
}

// A write is torn between sectors, and what comes after it is lost.
func TestTornWrite(t *testing.T) {
	for share, want := range map[float64]int{0: 0, 0.3: 0, 0.4: 500, 0.7: 1012, 1: 1524} {
		w, err := sim.New(sim.Config{Faults: sim.Schedule{{At: ms, Kind: sim.Crash, Node: "n", P: share}}})
		if err != nil {
			t.Fatal(err)
		}
		id := w.Add("n", scripted(script{init: func(env *sim.Env) {
			d := env.Disk()
			if d.WriteAt("f", bytes.Repeat([]byte{1}, 1524), 12) != nil || !d.Exists("f") || d.Exists("g") {
				t.Error("it is not written")
			}
			part := make([]byte, 4)
			if n := d.ReadAt("f", part, 10); n != 4 || !bytes.Equal(part, []byte{0, 0, 1, 1}) {
				t.Errorf("read %d: %v", n, part)
			}
		}}))
		if err := w.RunUntil(10 * ms); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(w.Durable(id, "f"), []byte{1}); got != want {
			t.Errorf("share %v leaves %d bytes, want %d", share, got, want)
		}
	}
}

func TestRename(t *testing.T) {
	w, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	id := w.Add("n", scripted(script{init: func(env *sim.Env) {
		d := env.Disk()
		for file, text := range map[string]string{"a": "new", "b": "older"} {
			if err := d.Append(file, []byte(text)); err != nil {
				t.Error(err)
			}
		}
		if d.Rename("a", "b") != nil || d.Rename("none", "b") != nil || d.Exists("a") || string(d.Read("b")) != "new" {
			t.Errorf("b is %q", d.Read("b"))
		}
		d.Sync(1)
	}}))
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if string(w.Durable(id, "b")) != "new" || w.Durable(id, "a") != nil {
		t.Errorf("durable: %q", w.Durable(id, "b"))
	}
}
