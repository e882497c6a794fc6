package sim

import (
	"slices"
	"time"
)

// Moment is one thing that happened in a recorded run.
type Moment struct {
	At     time.Duration
	What   string // start, send, receive, lose, synced, fault, over, note, broken
	Node   ID     // where; -1: everywhere
	Peer   ID     // of a message: the other end
	Number uint64 // of a message; both copies of a duplicate have one
	Failed bool   // of a sync
	Text   string // the message, the fault, the note, what is broken
}

// Record is what a [Timeline] shows of a run.
type Record struct {
	Nodes   []string // names, by ID
	Moments []Moment // in order
	Err     string   // how the run ended; empty: well
}

// note keeps a moment of a world that records.
func (w *World) note(m Moment) {
	if !w.cfg.Record {
		return
	}
	m.At = w.Now()
	w.moments = append(w.moments, m)
	if len(w.moments) > w.cfg.Limits.Trace/64 {
		w.over("Trace", w.cfg.Limits.Trace)
	}
}

// noteFault keeps a fault for those whom it strikes.
func (w *World) noteFault(verb string, f Fault) {
	node := ID(-1)
	if n := w.byName[f.Node]; n != nil {
		node = n.id
	}
	w.note(Moment{What: verb, Node: node, Text: f.String()})
}

func (w *World) record(err error) Record {
	r := Record{Moments: w.moments}
	for _, n := range w.nodes {
		r.Nodes = append(r.Nodes, n.name)
	}
	if err == nil {
		return r
	}
	r.Err = err.Error()
	if !slices.ContainsFunc(r.Moments, func(m Moment) bool { return m.What == "broken" }) {
		r.Moments = append(r.Moments, Moment{At: w.Now(), What: "broken", Node: -1, Text: r.Err})
	}
	return r
}

// times lists the moments of a record, each once.
func (r *Record) times() []time.Duration {
	var out []time.Duration
	for _, m := range r.Moments {
		out = append(out, m.At)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
