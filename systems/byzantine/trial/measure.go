package trial

import (
	"context"
	"time"

	"dyno/bench/lie"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems"
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
	Between  float64           `json:"between_cpu_s"` // processor time between two runs, in memory
	Tallied  play.Traffic      `json:"tallied"`       // what receivers took in or turned away, in all runs
	Story    story.Story       `json:"story"`         // of the first run that broke a promise
}

// maxRuns bounds what a trial keeps of its runs, for a role's summary to fit
// what its trial reads.
const maxRuns = 400_000

// measure plays run after run until the window is over, and at least one. The
// window begins with the first run in it; used says how much processor time was
// used so far.
func (c *config) measure(ctx context.Context, set systems.Setting, fight func(context.Context, play.Run) (*play.Outcome, error),
	used func() time.Duration,
) (*summary, error) {
	a := &summary{Duration: record.NewHistogram()}
	warm := time.Now().Add(set.Warmup)
	var last time.Duration // of used, after the run before
	for i := 0; a.Runs == 0 || time.Now().Before(a.End) && a.Runs < maxRuns; i++ {
		start, before := time.Now(), used()
		o, err := fight(ctx, c.draw(set.Seed, i))
		after := used()
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a.check(o)
		a.Tallied.Add(play.Traffic{Batches: o.Physical + o.Refused, Bytes: o.Bytes + o.TurnedAway.Bytes})
		if start.Before(warm) {
			continue
		}
		if a.Runs == 0 {
			a.Begin, a.End, last = start, start.Add(set.Length), before
		}
		a.CPU += c.counted(after - before)
		a.Between += (before - last).Seconds()
		last = after
		a.add(c, o)
	}
	a.End = time.Now()
	a.Between += (used() - last).Seconds()
	return a, nil
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
