package trial

import (
	"cmp"
	"context"
	"time"

	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// summary is what a number of runs, one after the other, came to. It crosses
// from a role to its trial as JSON.
type summary struct {
	Counts   record.Counts     `json:"counts"` // of runs, warm-up included
	Checks   []record.Check    `json:"checks"` // of all runs, summed up
	Begin    time.Time         `json:"begin"`  // of the window
	End      time.Time         `json:"end"`
	Runs     int64             `json:"runs"`   // from here on: in the window
	Agreed   int64             `json:"agreed"` // and valid
	Values   int64             `json:"values"`
	Batches  int64             `json:"batches"`
	Bytes    int64             `json:"bytes"`
	Dropped  int64             `json:"dropped"`
	CPU      float64           `json:"cpu_s"` // seconds
	Duration *record.Histogram `json:"duration"`
	Raw      testimony         `json:"raw"`
	Slack    time.Duration     `json:"slack_ns"`      // how far from the window's ends the generals told what they had used
	Between  float64           `json:"between_cpu_s"` // processor time in the window that no run is charged for
	Tallied  play.Traffic      `json:"tallied"`       // what receivers took in or turned away, in all runs
	Story    story.Story       `json:"story"`         // of the first run that broke a promise
}

// maxRuns bounds what a trial keeps of its runs, for a role's summary to fit
// what its trial reads.
const maxRuns = 400_000

// generals are those whose runs are measured, wherever they are.
type generals interface {
	Play(ctx context.Context, b play.Run) (*play.Outcome, error)
	// Muster readies them for a run, so that Used is what they have used by now.
	Muster(ctx context.Context, b play.Run) error
	Used() time.Duration // how much processor time, as they told last
}

// measure plays run after run until the window is over, and at least one. The
// window begins before the first run in it. At both its ends all generals are asked
// what they have used: what they told of a run is older than its end by as much as
// they did, and waited for a processor, after their decisions.
func (c *config) measure(ctx context.Context, set systems.Setting, g generals) (*summary, error) {
	a := &summary{Duration: record.NewHistogram()}
	warm := time.Now().Add(set.Warmup)
	if err := g.Muster(ctx, c.draw(set.Seed, 0)); err != nil { // connects them: to be connected to costs time, too
		return nil, err
	}
	var last time.Duration // of used, after the run before
	for i := 0; a.Runs == 0 || time.Now().Before(a.End) && a.Runs < maxRuns; i++ {
		run, counts := c.draw(set.Seed, i), !time.Now().Before(warm)
		if counts && a.Runs == 0 {
			begin, used, err := a.ask(ctx, g, run)
			if err != nil {
				return nil, err
			}
			a.Begin, a.End, last = begin, begin.Add(set.Length), used
		}
		before := g.Used()
		o, err := g.Play(ctx, run)
		after := g.Used()
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
		a.check(o)
		a.Tallied.Add(play.Traffic{Batches: o.Physical + o.Refused, Bytes: o.Bytes + o.TurnedAway.Bytes})
		if !counts {
			continue
		}
		a.CPU += c.counted(after - before)
		a.Between += (before - last).Seconds()
		last = after
		a.add(c, o)
	}
	end, used, err := a.ask(ctx, g, c.draw(set.Seed, 0))
	a.End = end
	a.Between += (used - last).Seconds()
	return a, err
}

// ask has the generals tell what they have used at a moment, which is known to
// within slack.
func (a *summary) ask(ctx context.Context, g generals, run play.Run) (at time.Time, used time.Duration, err error) {
	before := time.Now()
	err = g.Muster(ctx, run)
	used = g.Used()
	half := time.Since(before) / 2
	a.Slack = max(a.Slack, half)
	return before.Add(half), used, err
}

// add counts a run of the window.
func (a *summary) add(c *config, o *play.Outcome) {
	a.Runs++
	if v := o.Verdict(); v.Agreement && v.Validity || c.lie == play.LieAgreed {
		a.Agreed++
	}
	for _, n := range o.Messages {
		a.Values += n
	}
	a.Batches += o.Physical
	a.Bytes += o.Bytes
	a.Dropped += o.Drops.Sum()
	took := o.Took
	if c.lie == lie.HalvedLatency {
		took /= 2
	}
	a.Duration.Record(took)
	a.Raw.add(o)
}

// check holds a run against what it promises, and adds that to the sums.
func (a *summary) check(o *play.Outcome) {
	checks := append(o.Checks(), o.CheckDecided())
	checks = append(checks, o.CheckTwin()...)
	result := record.OK
	var broken []record.Check
	for _, c := range checks {
		if c.Status == record.Invalid {
			result, broken = record.Failed, append(broken, c)
		}
		a.sum(c)
	}
	if len(broken) > 0 && a.Story.Empty() {
		a.Story = tell(o, broken)
	}
	a.Counts.Offered++
	a.Counts.Tally(result)
}

// sum merges a check into that of the same name: facts add up, the first one
// that is worst says why.
func (a *summary) sum(c record.Check) {
	for i := range a.Checks {
		s := &a.Checks[i]
		if s.Name != c.Name {
			continue
		}
		s.Examined += c.Examined
		if s.Status == record.Valid || s.Status == record.Undetermined && c.Status == record.Invalid {
			s.Status, s.Detail = c.Status, c.Detail
		}
		return
	}
	a.Checks = append(a.Checks, c)
}

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
