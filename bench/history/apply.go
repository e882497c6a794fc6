package history

import (
	"fmt"

	"dyno/internal/record"
)

// ApplyLog is the writes that a replica applied, in that order, beginning with
// all that Base covers.
type ApplyLog struct {
	Replica string
	Base    map[string]int64
	Writes  []WriteID
}

// need is something that must have been applied: one write, or all of an
// origin up to it.
type need struct {
	WriteID
	all bool
}

// dependencies say, for each write, which part of its session's needs it
// follows: the first upTo of them. Needs only grow within a session, so a replica
// checks each of them once.
type dependencies struct {
	needs  map[string][]need
	writes map[WriteID]dependent
}

type dependent struct {
	session string
	upTo    int
}

func newDependencies() *dependencies {
	return &dependencies{needs: make(map[string][]need), writes: make(map[WriteID]dependent)}
}

// follow takes the needs of a session from its reads, or from its own writes.
func (d *dependencies) follow(session []SessionOp, reads bool) {
	seen := newWrites()
	for _, o := range session {
		if o.Outcome != record.OK {
			continue
		}
		name := o.Input.Session
		switch {
		case !o.Input.Write && reads:
			d.need(name, seen, o.Output.Seen)
		case o.Input.Write:
			d.writes[o.Output.Wrote] = dependent{name, len(d.needs[name])}
			if !reads {
				d.needs[name] = append(d.needs[name], need{WriteID: o.Output.Wrote})
			}
		}
	}
}

// need adds what a read has seen beyond earlier ones.
func (d *dependencies) need(session string, before *writes, s Seen) {
	for _, origin := range sortedKeys(s.Vector) {
		if n := s.Vector[origin]; n > before.upTo[origin] {
			d.needs[session] = append(d.needs[session], need{WriteID{origin, n}, true})
		}
	}
	for _, id := range s.Writes {
		if !before.has(id) {
			d.needs[session] = append(d.needs[session], need{id, false})
		}
	}
	before.join(s)
}

// check walks the log of one replica.
func (d *dependencies) check(l ApplyLog, f *Finding) {
	applied := newWrites()
	applied.join(Seen{Vector: l.Base})
	met := make(map[string]int) // needs of each session that are met so far
	for i, id := range l.Writes {
		if w, ours := d.writes[id]; ours && w.upTo > 0 {
			f.Examined++
			needs := d.needs[w.session]
			at := met[w.session]
			for at < w.upTo && applied.meets(needs[at]) {
				at++
			}
			met[w.session] = at
			if at < w.upTo {
				f.violate(fmt.Sprintf("replica %s applied write %d of %s (session %s, place %d of its log) before write %d of %s, which it follows",
					l.Replica, id.N, id.Origin, w.session, i+1, needs[at].N, needs[at].Origin))
			}
		}
		applied.add(id)
	}
}

func (w *writes) meets(n need) bool {
	if n.all {
		return w.upTo[n.Origin] >= n.N
	}
	return w.has(n.WriteID)
}
