package general

// Config is what one general knows before the first round.
type Config struct {
	N         int // generals, 2 to [MaxGenerals]
	T         int // most traitors that the protocol is to withstand, 0 to N−1
	Me        int // this general's id, 0 to N−1
	Commander int // whose order it is; not used when Interactive

	// Interactive lets every general command its own Order in a broadcast of
	// its own, all of them side by side (om only).
	Interactive bool

	Order Value // what this general orders where it commands
	Keys  Keys  // signed messages only
	Tie   Value // what as many votes for either mean; the same for all generals
	Flat  bool  // om: the majority of everything received, which is wrong
}

// commands reports whether a general is the commander of a broadcast.
func (c Config) commands(id int) bool { return c.Interactive || id == c.Commander }

// everyone is the set of all generals.
func (c Config) everyone() Set { return First(c.N) }

// Protocol is one loyal general as a state machine. It knows no clock: whoever
// drives it says when a round is over.
type Protocol interface {
	// Step takes what arrived in a round and returns what to send in the next
	// one; in round 0 nothing arrives. After the last round it returns nothing.
	Step(round int, inbox []Delivery) []Parcel

	// Decide returns what the general makes of it after the last round.
	Decide() Decision

	// Tally returns what it has received so far.
	Tally() Tally
}

// Decision is what a general will do.
type Decision struct {
	Value  Value
	Vector []Value // interactive: what it believes of every general's own order
	// a lieutenant in om: what it believes that each general was ordered, by id; the commander's is the order that it heard itself
	Votes []Value
}

// Tally counts what a general received.
type Tally struct {
	Accepted []int64 // by round, beginning with the first
	Drops    Drops
}

// accept counts a message of a round.
func (t *Tally) accept(round int) {
	for len(t.Accepted) < round {
		t.Accepted = append(t.Accepted, 0)
	}
	t.Accepted[round-1]++
}

// Algorithm is a way to agree.
type Algorithm struct {
	Name    string
	Summary string

	Signs bool // messages carry signatures: it needs Keys

	// Guarantees reports whether loyal generals must agree with at most t
	// traitors among n; Condition is the same in words.
	Guarantees func(n, t int) bool
	Condition  string

	// Rounds is the number of rounds for t traitors.
	Rounds func(t int) int

	// Talk returns who sends to whom in a round: every sender to every receiver
	// but itself, even if it has nothing to say, so that nobody waits in vain.
	Talk func(c Config, round int) (senders, receivers Set)

	// Messages is how many values a round carries when nobody is silent; -1
	// where that depends on what is said.
	Messages func(c Config, round int) int64

	New func(Config) Protocol
}

// Algorithms are all there are.
var Algorithms = []Algorithm{oralMessages, signedMessages, phaseKing}

// LookUp finds an algorithm by name.
func LookUp(name string) (Algorithm, bool) {
	for _, a := range Algorithms {
		if a.Name == name {
			return a, true
		}
	}
	return Algorithm{}, false
}

// Names lists the algorithms.
func Names() []string {
	out := make([]string, len(Algorithms))
	for i, a := range Algorithms {
		out[i] = a.Name
	}
	return out
}

// broadcastTalk is who talks when an order is passed on along paths: in the
// first round the commander to all others, later those among themselves.
func broadcastTalk(c Config, round int) (senders, receivers Set) {
	all := c.everyone()
	if c.Interactive {
		return all, all
	}
	others := all &^ Only(c.Commander)
	if round == 1 {
		return Only(c.Commander), others
	}
	return others, others
}
