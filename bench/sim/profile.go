package sim

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Profile bounds the schedules that [Generate] draws.
type Profile struct {
	Nodes []string // that may be struck; the others, such as clients, only feel it
	// Kinds that may be drawn, all equally often; one that stands twice comes
	// twice as often. Restart, Resume and Heal cannot be drawn, since every
	// fault ends by itself. None means Crash, Pause, Cut, Drop, Duplicate and
	// Delayed.
	Kinds  []Kind
	Faults int // at most; 0 means 8

	From, Until time.Duration // faults begin and end within; Until is required
	// How long one lasts, drawn on a logarithmic scale. Zero means a hundredth
	// and a quarter of the time between From and Until.
	MinFor, MaxFor time.Duration

	// Down bounds how many nodes are crashed or paused at once; 0: no bound.
	Down int
	Torn float64 // probability that a crash is torn

	// Swarm has each seed draw which kinds are on and how strong they are, within
	// the bounds above and below, so that some schedules are all of one kind and
	// others quiet (Groce and others, Swarm testing, ISSTA 2012): what a mixture of
	// everything hides, such as what needs a long time without any crash, is met
	// too.
	Swarm bool

	MaxP     float64       // of Drop and Duplicate; 0 means 0.5. FullDisk and FailSync strike always.
	MaxDelay time.Duration // of Delayed and SlowDisk; 0 means MaxFor
}

var usual = []Kind{Crash, Pause, Cut, Drop, Duplicate, Delayed}

func (p Profile) withDefaults() (Profile, error) {
	if len(p.Kinds) == 0 {
		p.Kinds = usual
	}
	p.Faults = cmp.Or(p.Faults, 8)
	p.MinFor = cmp.Or(p.MinFor, max((p.Until-p.From)/100, 1))
	p.MaxFor = cmp.Or(p.MaxFor, max((p.Until-p.From)/4, p.MinFor))
	p.MaxP = cmp.Or(p.MaxP, 0.5)
	p.MaxDelay = cmp.Or(p.MaxDelay, p.MaxFor)
	for _, k := range p.Kinds {
		if !slices.Contains(offered, k) || !k.Lasts() {
			return p, misused("Profile.Kinds: %q cannot be drawn: it must be a fault that lasts for a time", k)
		}
	}
	for _, name := range p.Nodes {
		if err := checkName(name); err != nil {
			return p, err
		}
	}
	switch {
	case len(p.Nodes) == 0:
		return p, misused("Profile.Nodes is empty: name the nodes that faults may strike")
	case p.From < 0 || p.Until <= p.From || p.Until > maxTime:
		return p, misused("Profile: faults between From = %v and Until = %v, want 0 ≤ From < Until ≤ %v", p.From, p.Until, maxTime)
	case p.MinFor < 0 || p.MaxFor < p.MinFor || p.MinFor > p.Until-p.From:
		return p, misused("Profile: faults that last %v to %v, want 0 < MinFor ≤ MaxFor, and room for MinFor between From and Until", p.MinFor,
			p.MaxFor)
	case p.Faults < 0 || p.Down < 0 || p.MaxDelay < 0 || p.MaxDelay > maxTime || !isShare(p.MaxP) || !isShare(p.Torn):
		return p, misused("Profile: a number is out of range in %+v", p)
	}
	return p, nil
}

// Generate draws a schedule: up to Profile.Faults faults in the order of time,
// the same ones for the same seed and profile. All of them are over by Until.
func Generate(seed uint64, p Profile) (Schedule, error) {
	p, err := p.withDefaults()
	if err != nil {
		return nil, err
	}
	if p.Swarm {
		p = p.swarm(rand.New(stream(seed, "swarm", 0, 0)))
	}
	g := generator{p, rand.New(stream(seed, "faults", 0, 0))}
	var out Schedule
	for range 1 + g.rng.IntN(p.Faults) {
		if f := g.fault(); p.Down == 0 || downWith(out, f) <= p.Down {
			out = append(out, f)
		}
	}
	return out.Sorted(), nil
}

// swarm draws a profile within p: each kind is on with one chance in two, at
// least one of them is, and bounds shrink to a share that is small as often as
// large.
func (p Profile) swarm(rng *rand.Rand) Profile {
	var on []Kind
	for _, k := range slices.Compact(slices.Sorted(slices.Values(p.Kinds))) {
		if rng.IntN(2) == 0 {
			on = append(on, k)
		}
	}
	if len(on) == 0 {
		on = []Kind{p.Kinds[rng.IntN(len(p.Kinds))]}
	}
	p.Kinds = slices.DeleteFunc(slices.Clone(p.Kinds), func(k Kind) bool { return !slices.Contains(on, k) })
	share := func() float64 { return math.Exp2(-4 * rng.Float64()) }
	p.MaxFor = max(p.MinFor, time.Duration(float64(p.MaxFor)*share()))
	p.MaxDelay = time.Duration(float64(p.MaxDelay) * share())
	p.MaxP *= share()
	if rng.IntN(2) == 0 {
		p.Torn = 0
	}
	return p
}

type generator struct {
	Profile
	rng *rand.Rand
}

func (g *generator) fault() Fault {
	f := Fault{Kind: g.Kinds[g.rng.IntN(len(g.Kinds))]}
	f.For = g.span(g.MinFor, min(g.MaxFor, g.Until-g.From))
	f.At = g.moment(g.From, g.Until-f.For)
	if !f.Kind.OnLinks() {
		f.Node = g.node()
	}
	switch f.Kind {
	case SlowDisk:
		f.Delay = g.delay()
	case Delayed:
		s := Spread(g.delay(), Links{})
		f.Delay, f.Jitter, f.Links = s.Delay, s.Jitter, g.anyLinks()
	case Cut:
		f.Links = g.partition()
	case Drop, Duplicate:
		f.P = math.Ceil(g.rng.Float64()*g.MaxP*1000) / 1000
		f.P = min(f.P, g.MaxP)
		f.Links = g.anyLinks()
	case FullDisk, FailSync:
		f.P = 1
	case Crash:
		if g.rng.Float64() < g.Torn {
			f.P = float64(1+g.rng.IntN(100)) / 100
		}
	}
	return f
}

func (g *generator) delay() time.Duration { return g.span(max(g.MaxDelay/100, 1), max(g.MaxDelay, 1)) }

func (g *generator) node() string { return g.Nodes[g.rng.IntN(len(g.Nodes))] }

// span draws a duration on a logarithmic scale, in microseconds if that does
// not leave the range: short ones are as likely as long ones, and schedules
// stay legible.
func (g *generator) span(least, most time.Duration) time.Duration {
	ratio := math.Log(float64(most) / float64(least))
	d := time.Duration(float64(least) * math.Exp(g.rng.Float64()*ratio))
	return max(least, min(most, d.Truncate(time.Microsecond)))
}

func (g *generator) moment(from, until time.Duration) time.Duration {
	at := from + time.Duration(g.rng.Int64N(int64(until-from)+1))
	return max(from, at.Truncate(time.Microsecond))
}

// partition isolates one node, or splits the nodes in two and lets the others
// reach both sides; a quarter of them one way only.
func (g *generator) partition() Links {
	l := Links{A: []string{g.node()}}
	if len(g.Nodes) > 2 && g.rng.IntN(2) == 0 {
		l = Links{}
		order := g.rng.Perm(len(g.Nodes))
		k := 1 + g.rng.IntN(len(order)-1)
		slices.Sort(order[:k])
		slices.Sort(order[k:])
		for i, n := range order {
			if i < k {
				l.A = append(l.A, g.Nodes[n])
			} else {
				l.B = append(l.B, g.Nodes[n])
			}
		}
	}
	switch g.rng.IntN(8) {
	case 0:
		l.OneWay = true
	case 1:
		l = Links{A: l.B, B: l.A, OneWay: true}
	}
	return l
}

// anyLinks is all links or those of one node.
func (g *generator) anyLinks() Links {
	if g.rng.IntN(2) == 0 {
		return Links{}
	}
	return Links{A: []string{g.node()}}
}

// downWith counts the nodes that f's crash or pause and those in s which meet
// it would have down, f's own included.
func downWith(s Schedule, f Fault) int {
	idle := func(k Kind) bool { return downs(k) || k == Pause }
	if !idle(f.Kind) {
		return 0
	}
	down := map[string]bool{f.Node: true}
	for _, o := range s {
		if idle(o.Kind) && o.At <= f.At+f.For && f.At <= o.At+o.For {
			down[o.Node] = true
		}
	}
	return len(down)
}
