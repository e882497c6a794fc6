package trial

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"dyno/bench/evidence"
	"dyno/bench/lie"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// config is what the knobs of a trial say.
type config struct {
	knobs     systems.Values
	n, t      int
	traitors  int
	commander string
	process   bool
	blind     bool // another program stands in for the generals: their own counts are not asked for
	lie       string
	base      play.Run
}

func newConfig(v systems.Values) (*config, error) {
	c := &config{
		knobs: v, n: v.Int(play.KnobN), t: v.Int(play.KnobT), traitors: v.Int(play.KnobTraitors),
		commander: v.Text(play.KnobCommander), process: v.Text(play.KnobTransport) == play.TransportProcess, lie: v.Text(play.KnobLie),
	}
	if err := play.CheckSize(c.n, c.t); err != nil {
		return nil, err
	}
	switch {
	case c.traitors > c.n, c.traitors == c.n && c.commander == play.CommanderLoyal, c.traitors == 0 && c.commander == play.CommanderTraitor:
		return nil, fmt.Errorf("%d traitors among %d generals, the commander %s: that cannot be", c.traitors, c.n, c.commander)
	case c.lie == play.LieUnframed && !c.process:
		return nil, errUnframed
	}
	c.base = play.New(v, 0)
	if c.base.Interactive {
		c.base.Initial = play.DrawInitial(c.n, 0) // drawn anew for every run
	}
	c.base.Traitors = general.First(c.traitors) // as many as there will be
	return c, c.base.Settle(c.process)
}

// draw is run number i of a trial: traitors and what they say come from the
// seed, so that all configurations of a block face the same.
func (c *config) draw(seed uint64, i int) play.Run {
	rng := rand.New(rand.NewPCG(seed, play.StreamTraitor+uint64(i)))
	b := c.base
	b.Seed = rng.Uint64()
	b.Traitor = b.Adversary.New(b.Seed)
	if b.Interactive {
		b.Initial = play.DrawInitial(c.n, b.Seed)
	}
	b.Traitors = 0
	left := c.traitors
	order := rng.Perm(c.n)
	if c.commander == play.CommanderTraitor {
		b.Traitors, left = general.Only(b.Commander), left-1
	}
	for _, id := range order {
		if left > 0 && (id != b.Commander || c.commander == play.CommanderAny) {
			b.Traitors |= general.Only(id)
			left--
		}
	}
	return b
}

// errUnframed refuses a lie that would be the truth.
var errUnframed = errors.New("lie unframed-bytes is about bytes, which there are with transport process only")

// counted is how much of a run's processor time the summary has.
func (c *config) counted(used time.Duration) float64 { return lie.CPU(c.lie, 0, used.Seconds()) }

// Metrics are those of the system.
func Metrics() []record.Metric {
	return []record.Metric{
		{
			Name: "agreement_share", Kind: record.KindScalar, Unit: "1", Better: record.Higher,
			Help: "runs in which all loyal generals decided the same, and what a loyal commander ordered, divided by all runs",
			Road: agreementRoad(),
		},
		{
			Name: "runs", Kind: record.KindScalar, Unit: "runs",
			Help: "runs in the window",
			Road: runsRoad(),
		},
		{
			Name: "run", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
			Help: "from the start of the first round to the last decision",
			Road: evidence.All(evidence.Spans(), watchedLaw()),
		},
		{
			Name: "run_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
			Help: "the same, mean: also where there are too few runs for a percentile",
			Road: meanRoad(),
		},
		{
			Name: "values", Kind: record.KindScalar, Unit: "values", Better: record.Lower,
			Help: "values carried in a run, mean",
			Road: trafficRoad("values", 1, heardValues),
		},
		{
			Name: "messages", Kind: record.KindScalar, Unit: "messages", Better: record.Lower,
			Help: "batches sent in a run, one per sender, receiver and round, mean",
			Road: messagesRoad(),
		},
		{
			Name: "kilobytes", Kind: record.KindScalar, Unit: "kB", Better: record.Lower,
			Help: "size of all batches of a run, mean",
			Road: evidence.All(trafficRoad("bytes", 1e3, scalar("kilobytes")), socketLaw()),
		},
		{
			Name: "cpu_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
			Help: "CPU time of all generals per run, telling them their parts included",
			Road: evidence.CPUBeside(factBetween, perRun, cluster.RoleName, roleMemory),
		},
		{
			Name: "dropped", Kind: record.KindScalar, Unit: "messages",
			Help: "messages dropped in a run for breaking the rules, mean",
			Road: trafficRoad("values", 1, heardValues),
		},
		{
			Name: "theory_values", Kind: record.KindScalar, Unit: "values",
			Help: "values that the formula asks for",
			Road: formulaRoad(),
		},
	}
}
