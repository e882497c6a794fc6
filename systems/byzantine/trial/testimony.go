package trial

import (
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// testimony is what the runs of a window were, one by one, as they were
// gathered: what their figures are computed from a second time.
type testimony struct {
	Took    []int64 `json:"took_ns"`    // as the generals told it
	Watched []int64 `json:"watched_ns"` // as whoever waited saw it

	// A bit per general.
	Faulty   []uint64 `json:"faulty"`             // is not held to anything
	Decided  []uint64 `json:"decided"`            // attacks
	Ordered  []uint64 `json:"ordered"`            // has the order to attack: his own, or the commander's
	Believed []uint64 `json:"believed,omitempty"` // interactive: of each general in turn, who he believes has

	Sent       play.Traffic `json:"sent"` // from here on: in all runs of the window
	Unanswered play.Traffic `json:"unanswered"`
	TurnedAway play.Traffic `json:"turned_away"`
}

// add takes down a run.
func (t *testimony) add(o *play.Outcome) {
	t.Took = append(t.Took, o.Took.Nanoseconds())
	t.Watched = append(t.Watched, o.Watched.Nanoseconds())
	t.Faulty = append(t.Faulty, uint64(o.Traitors|o.Lost)) // by other code than what judges a run
	var decided uint64
	for id, d := range o.Decisions {
		decided |= uint64(d.Value&1) << id
	}
	t.Decided = append(t.Decided, decided)
	ordered := uint64(o.Order.Spread())
	if o.Interactive {
		ordered = bitsOf(o.Initial)
		for _, d := range o.Decisions {
			believed := ^ordered // of one that does not hold a list: wrong about everybody
			if len(d.Vector) == o.N {
				believed = bitsOf(d.Vector)
			}
			t.Believed = append(t.Believed, believed)
		}
	}
	t.Ordered = append(t.Ordered, ordered)
	t.Sent.Add(o.Sent)
	t.Unanswered.Add(o.Unanswered)
	t.TurnedAway.Add(o.TurnedAway)
}

func bitsOf(values []general.Value) (bits uint64) {
	for id, v := range values {
		bits |= uint64(v&1) << id
	}
	return bits
}

// agreed counts the runs that ended well: IC1 and IC2, on words of bits and
// without the code that judges a run.
func (t *testimony) agreed(n, commander int) (count int64) {
	everybody := ^uint64(0) >> (64 - n)
	for i, faulty := range t.Faulty {
		loyal := everybody &^ faulty
		attack := t.Decided[i] & loyal
		well := attack == 0 || attack == loyal
		if len(t.Believed) > 0 {
			well = well && oneList(t.Believed[i*n:(i+1)*n], loyal, t.Ordered[i])
		} else if loyal>>commander&1 == 1 {
			well = well && attack == t.Ordered[i]&loyal
		}
		if well {
			count++
		}
	}
	return count
}

// oneList says whether all loyal generals believe the same of everybody, and
// the truth of the loyal ones.
func oneList(believed []uint64, loyal, truth uint64) bool {
	first := -1
	for id, b := range believed {
		if loyal>>id&1 == 0 {
			continue
		}
		if first < 0 {
			first = id
		}
		mask := ^uint64(0) >> (64 - len(believed))
		if (b^truth)&loyal != 0 || (b^believed[first])&mask != 0 {
			return false
		}
	}
	return true
}

// digest sums up the durations of the runs, which followed one another.
func (t *testimony) digest() record.SpanDigest {
	spans := make([]record.Span, len(t.Took))
	at := int64(1)
	for i, ns := range t.Took {
		spans[i] = record.Span{Begin: at, End: at + ns, Outcome: record.OK}
		at += ns
	}
	return load.Digest(spans, 0, at+1, true)
}
