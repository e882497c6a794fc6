package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Process is what of a bench's process is needed to sample it.
type Process interface {
	Name() string
	PID() int
}

// Of is the target for a process under its name, whatever lives it has.
func Of(p Process) Target {
	t := Target{Name: p.Name(), PID: p.PID(), Current: p.PID}
	if d, ok := p.(Distant); ok {
		t.machine = d.Machine()
	}
	return t
}

// Distant is a process of another machine, which samples it there.
type Distant interface {
	Machine() Machine
}

// Machine samples processes that are its own.
type Machine interface {
	// Sample samples processes by their names. What stop returns is what
	// [Samples.Encode] made there, how far that machine's clock is ahead of the one
	// by which windows are given, and how far that may be wrong.
	Sample(ctx context.Context, names, spawning []string, interval time.Duration) (stop func() (Told, error), err error)
}

// Told is what another machine has sampled.
type Told struct {
	Samples   []byte
	Ahead     time.Duration // its clock
	Uncertain time.Duration
}

// far is the targets of one machine.
type far struct {
	names, spawning []string
	stop            func() (Told, error)
}

// apart takes the targets of other machines out of all.
func apart(targets []Target) (here []Target, there map[Machine]*far) {
	there = make(map[Machine]*far)
	for _, t := range targets {
		if t.machine == nil {
			here = append(here, t)
			continue
		}
		f := there[t.machine]
		if f == nil {
			f = new(far)
			there[t.machine] = f
		}
		f.names = append(f.names, t.Name)
		if t.Spawns {
			f.spawning = append(f.spawning, t.Name)
		}
	}
	return here, there
}

// report is what crosses machines.
type report struct {
	Began     int64 // Unix time, ns
	Histories []told
}

// told is a history as it crosses machines.
type told struct {
	Name   string
	At     [figures][]time.Duration
	Value  [figures][]float64
	Unseen [][2]time.Duration
	Ended  bool
	Gone   time.Duration
}

// Encode is the samples in a form that [Samples] of the same build take in.
func (s *Samples) Encode() ([]byte, error) {
	r := report{Began: s.began.UnixNano()}
	for _, h := range s.histories {
		t := told{Name: h.name, Ended: h.ended, Gone: h.gone}
		for f := range h.tracks {
			t.At[f], t.Value[f] = h.tracks[f].at, h.tracks[f].value
		}
		for _, u := range h.unseen {
			t.Unseen = append(t.Unseen, [2]time.Duration{u.from, u.to})
		}
		r.Histories = append(r.Histories, t)
	}
	return json.Marshal(r)
}

// add takes in what another machine has sampled.
func (s *Samples) add(t Told) error {
	var r report
	if err := json.Unmarshal(t.Samples, &r); err != nil {
		return fmt.Errorf("samples of another machine: %w", err)
	}
	shift := time.Unix(0, r.Began).Add(-t.Ahead).Sub(s.began)
	for _, one := range r.Histories {
		h := &history{name: one.Name, ended: one.Ended, gone: one.Gone + shift}
		for f := range h.tracks {
			for i, at := range one.At[f] {
				h.tracks[f].add(at+shift, one.Value[f][i])
			}
		}
		for _, u := range one.Unseen {
			h.unseen = append(h.unseen, span{u[0] + shift, u[1] + shift})
		}
		s.histories[h.name] = h
	}
	s.uncertain = max(s.uncertain, t.Uncertain)
	return nil
}

// blank stands for a process that its machine says nothing of: no window of it is
// covered.
func blank(name string) *history {
	h := &history{name: name}
	for f := range h.tracks {
		h.tracks[f].add(0, 0)
	}
	return h
}
