package inject

import (
	"context"
	"errors"
	"slices"
	"time"

	"dyno/bench/fault"
	"dyno/bench/link"
	"dyno/systems"
)

// victim is a process with the faults in force on it. One goroutine at a time
// uses it.
type victim struct {
	process      systems.Process
	down, paused []string // by kills and stops, and by pauses
	full         []string // what its disk is full of; from its readiness on, after a restart
}

// meet has a fault begin or end.
func (v *victim) meet(ctx context.Context, e fault.Event) error {
	id := e.Fault.String()
	if e.Ends {
		return v.recover(ctx, id)
	}
	switch e.Fault.Kind {
	case fault.Kill, fault.Stop:
		return v.takeDown(ctx, e.Fault.Kind, id)
	case fault.Pause:
		return v.pause(id)
	case fault.Resume:
		return v.resume()
	case fault.FullDisk:
		v.full = append(v.full, id)
		return v.fill()
	default: // Restart
		return v.restart(ctx)
	}
}

func (v *victim) takeDown(ctx context.Context, kind fault.Kind, id string) error {
	up := len(v.down) == 0
	v.down, v.paused = append(v.down, id), nil
	switch {
	case !up:
		return nil
	case kind == fault.Kill:
		return v.process.Kill()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	return v.process.Stop(ctx)
}

// pause does nothing to a process that is down.
func (v *victim) pause(id string) error {
	if len(v.down) > 0 {
		return nil
	}
	first := len(v.paused) == 0
	v.paused = append(v.paused, id)
	if !first {
		return nil
	}
	return v.process.Pause()
}

// recover ends a fault: with the last of its kind the process is back, unless
// something else has brought it back before.
func (v *victim) recover(ctx context.Context, id string) error {
	if i := slices.Index(v.down, id); i >= 0 {
		v.down = slices.Delete(v.down, i, i+1)
		if len(v.down) == 0 {
			return v.start(ctx)
		}
	}
	if i := slices.Index(v.full, id); i >= 0 {
		v.full = slices.Delete(v.full, i, i+1)
		return v.fill()
	}
	if i := slices.Index(v.paused, id); i >= 0 {
		v.paused = slices.Delete(v.paused, i, i+1)
		if len(v.paused) == 0 {
			return v.process.Resume()
		}
	}
	return nil
}

func (v *victim) restart(ctx context.Context) error {
	if len(v.down) == 0 {
		return nil
	}
	v.down = nil
	return v.start(ctx)
}

func (v *victim) start(ctx context.Context) error {
	if err := v.process.Restart(ctx); err != nil || len(v.full) == 0 {
		return err
	}
	return v.fill()
}

// fill makes the disk of a process that is up full, or lets it be as it is.
func (v *victim) fill() error {
	if len(v.down) > 0 {
		return nil
	}
	f, ok := v.process.(systems.Filler)
	if !ok {
		return errNoFiller
	}
	return f.FullDisk(len(v.full) > 0)
}

var errNoFiller = errors.New("full-disk: this system cannot limit what a process writes")

// relieve resumes a process that is paused, and makes room on its disk.
func (v *victim) relieve() error {
	err := v.resume()
	if len(v.full) > 0 {
		v.full = nil
		err = errors.Join(err, v.fill())
	}
	return err
}

// resume resumes a process that is paused.
func (v *victim) resume() error {
	if len(v.paused) == 0 {
		return nil
	}
	v.paused = nil
	return v.process.Resume()
}

// Absence is a time in which somebody was not there for others.
type Absence struct {
	Who         string
	From, Until time.Time // Until zero: to the end
	What        string    // in a word or two
}

// away are the faults that make somebody absent.
var away = map[fault.Kind]string{fault.Kill: "killed", fault.Stop: "stopped", fault.Pause: "paused", fault.Cut: "cut off"}

// Absences are those that the faults have brought so far. Of a cut link it is the
// first side that is absent.
func (s *Strikes) Absences() (out []Absence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.done {
		f := d.Event.Fault
		what, known := away[f.Kind]
		if !known || d.Event.Ends {
			continue
		}
		var until time.Time
		if j := slices.IndexFunc(s.done[i:], func(e Strike) bool { return e.Event.Ends && e.Event.Fault.String() == f.String() }); j >= 0 {
			until = s.began.Add(s.done[i+j].At)
		}
		who := []string{f.Node}
		if f.Kind.OnLinks() {
			who = f.Links.A
		}
		for _, name := range who {
			out = append(out, Absence{name, s.began.Add(d.At), until, what})
		}
	}
	return out
}

// Trace is what passed over the links, where that is remembered.
func (f *Faults) Trace() []link.Passage {
	if f.network == nil {
		return nil
	}
	return f.network.Trace()
}
