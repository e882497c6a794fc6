package council_test

import (
	"testing"

	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/general"
)

// trusting believes that a message comes from whom its path says.
type trusting struct{ general.Protocol }

func (m trusting) Step(round int, inbox []general.Delivery) []general.Parcel {
	for i := range inbox {
		if path := inbox[i].Path; path != "" {
			inbox[i].From = int(path[len(path)-1])
		}
	}
	return m.Protocol.Step(round, inbox)
}

// stuffed counts every message as a vote, however often it comes: OM(1).
type stuffed struct {
	general.Protocol
	votes, attack int
}

func (m *stuffed) Step(round int, inbox []general.Delivery) []general.Parcel {
	for _, d := range inbox {
		if d.Path == string([]byte{0}) || round == 2 && d.Path == string([]byte{0, byte(d.From)}) {
			m.votes++
			m.attack += int(d.Value)
		}
	}
	return m.Protocol.Step(round, inbox)
}

func (m *stuffed) Decide() general.Decision {
	if m.votes == 0 {
		return m.Protocol.Decide() // the commander
	}
	return general.Decision{Value: general.Value(min(1, 2*m.attack/(m.votes+1)))} // more than half
}

// gullible passes on and believes orders whose signatures do not fit.
type gullible struct {
	general.Protocol
	c     general.Config
	known [2]bool
}

func (m *gullible) Step(round int, inbox []general.Delivery) []general.Parcel {
	for _, d := range inbox {
		if len(d.Path) == round && d.Value <= general.Attack {
			m.known[d.Value] = true
		}
	}
	return m.Protocol.Step(round, inbox)
}

func (m *gullible) Decide() general.Decision {
	if m.c.Me == m.c.Commander {
		return m.Protocol.Decide()
	}
	return general.Decision{Value: general.Value(1 * b2i(m.known[1] && !m.known[0]))}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hasty decides one round too early: it takes no notice of the last one.
type hasty struct {
	general.Protocol
	last int
}

func (m hasty) Step(round int, inbox []general.Delivery) []general.Parcel {
	if round == m.last {
		return nil
	}
	return m.Protocol.Step(round, inbox)
}

// whisper is why signed messages need t + 1 rounds: the commander signs another
// order for his accomplice alone, who shows it to one loyal general so late that
// he must pass it on in the last round.
type whisper struct{}

func (whisper) Say(r *general.Relay) general.Word {
	loyal := general.First(r.N) &^ r.Traitors
	if len(r.Path) == 1 {
		return general.Word{Attack: loyal, Spoken: r.To}
	}
	return general.Word{Spoken: r.To & loyal & -loyal}
}

func TestWhispersAreHeard(t *testing.T) {
	for _, size := range [][2]int{{4, 2}, {5, 2}, {5, 3}, {7, 2}} {
		for _, a := range general.Algorithms {
			subsets(size[0], size[1], func(traitors general.Set) {
				p := council.Plan{Algorithm: a, N: size[0], T: size[1], Order: general.Attack, Traitors: traitors, Traitor: whisper{}, Seed: 1}
				if v := p.Judge(council.Run(p).Decisions); p.Guaranteed() && (!v.Agreement || !v.Validity) {
					t.Errorf("%s, n=%d t=%d, traitors %b: %+v", a.Name, p.N, p.T, traitors, v)
				}
			})
		}
	}
}

// mutants are protocols that are broken in the ways that matter. The check must
// notice each at a size where the right one is guaranteed to hold.
var mutants = []struct {
	name, algorithm string
	n, t            int
	create          func(general.Algorithm, general.Config) general.Protocol
}{
	{"flat majority", "om", 7, 2, func(a general.Algorithm, c general.Config) general.Protocol {
		c.Flat = true
		return a.New(c)
	}},
	{"messages counted more than once", "om", 4, 1, func(a general.Algorithm, c general.Config) general.Protocol {
		return &stuffed{Protocol: a.New(c)}
	}},
	{"sender not checked", "om", 4, 1, func(a general.Algorithm, c general.Config) general.Protocol { return trusting{a.New(c)} }},
	{"sender not checked", "phase-king", 5, 1, func(a general.Algorithm, c general.Config) general.Protocol { return trusting{a.New(c)} }},
	{"one round too few", "om", 4, 1, func(a general.Algorithm, c general.Config) general.Protocol {
		c.T--
		return a.New(c)
	}},
	{"one round too few", "om", 7, 2, func(a general.Algorithm, c general.Config) general.Protocol {
		c.T--
		return a.New(c)
	}},
	{"one round too few", "sm", 4, 1, func(a general.Algorithm, c general.Config) general.Protocol {
		c.T--
		return a.New(c)
	}},
	{"last round ignored", "sm", 5, 2, func(a general.Algorithm, c general.Config) general.Protocol { return hasty{a.New(c), a.Rounds(c.T)} }},
	{"one king too few", "phase-king", 9, 2, func(a general.Algorithm, c general.Config) general.Protocol {
		last := a.Rounds(c.T)
		return hasty{hasty{a.New(c), last}, last - 1}
	}},
	{"a tie is attack for one", "om", 5, 1, func(a general.Algorithm, c general.Config) general.Protocol {
		if c.Me == 1 {
			c.Tie = general.Attack
		}
		return a.New(c)
	}},
	{"signatures not checked", "sm", 4, 1, func(a general.Algorithm, c general.Config) general.Protocol {
		return &gullible{Protocol: a.New(c), c: c}
	}},
}

func TestEveryMutantIsNoticed(t *testing.T) {
	for _, m := range mutants {
		a := algorithm(m.algorithm)
		if !a.Guarantees(m.n, m.t) {
			t.Errorf("%s, n=%d t=%d: even the right protocol is not guaranteed to hold", m.name, m.n, m.t)
		}
		if by := noticed(a, m.n, m.t, m.create); by == "" {
			t.Errorf("%s (%s, n=%d t=%d): nothing shows it", m.name, m.algorithm, m.n, m.t)
		} else {
			t.Logf("%s (%s, n=%d t=%d): shown by %s", m.name, m.algorithm, m.n, m.t, by)
		}
	}
}

// noticed plays every adversary with every set of traitors until the check
// complains, and says at which.
func noticed(a general.Algorithm, n, most int, create func(general.Algorithm, general.Config) general.Protocol) (by string) {
	whispers := adversary.Adversary{Name: "whisper", New: func(uint64) general.Traitor { return whisper{} }}
	for _, liar := range append([]adversary.Adversary{whispers}, adversary.All...) {
		subsets(n, most, func(traitors general.Set) {
			for seed := range uint64(4) {
				p := council.Plan{Algorithm: a, N: n, T: most, Order: general.Attack, Traitors: traitors, Traitor: liar.New(seed), Seed: 1}
				p.New = func(c general.Config) general.Protocol { return create(a, c) }
				if v := p.Judge(council.Run(p).Decisions); by == "" && (!v.Agreement || !v.Validity) {
					by = liar.Name
				}
			}
		})
		if by != "" {
			return by
		}
	}
	return ""
}
