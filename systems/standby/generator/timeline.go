package generator

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"dyno/internal/record"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/config"
)

// wrote says that a request is an acknowledged write.
func (d *Done) wrote() bool {
	return d.Ending == Answered && d.Operation != Lookup && d.Outcome == uint8(standbyv1.Outcome_OUTCOME_DONE)
}

// Timeline counts acknowledged writes per step, for each server, from so long
// before a moment to so long after it; a phase is an epoch, from its first
// acknowledged write to its last.
func Timeline(all []Done, at time.Time, before, after, step time.Duration) record.Series {
	n := int((before + after) / step)
	s := record.Series{Step: step.Seconds(), From: -before.Seconds(), Lines: []record.Line{
		{Name: config.S1, Values: make([]float64, n)}, {Name: config.S2, Values: make([]float64, n)},
	}}
	epochs := map[uint64]*record.Phase{}
	for i := range all {
		d := &all[i]
		since := time.Duration(d.End - at.UnixNano())
		k := int((since + before) / step)
		if !d.wrote() || since < -before || k >= n {
			continue
		}
		s.Lines[d.Server].Values[k]++
		seconds := since.Seconds()
		p := epochs[d.Epoch]
		if p == nil {
			p = &record.Phase{Name: fmt.Sprintf("epoch %d: %s", d.Epoch, s.Lines[d.Server].Name), From: seconds, To: seconds}
			epochs[d.Epoch] = p
		}
		p.From, p.To = min(p.From, seconds), max(p.To, seconds)
	}
	for _, epoch := range slices.Sorted(maps.Keys(epochs)) {
		s.Phases = append(s.Phases, *epochs[epoch])
	}
	return s
}
