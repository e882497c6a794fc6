package general

// Relay is a chance to lie: what a traitor would honestly tell.
type Relay struct {
	N, T, Rounds int
	Commander    int // of the broadcast
	Round        int
	Path         []byte // ends in the traitor; must not be kept
	Honest       Value  // what a loyal general in his place would say
	To           Set    // to these
	Traitors     Set    // all who are in league
}

// Me is the traitor's id.
func (r *Relay) Me() int { return int(r.Path[len(r.Path)-1]) }

// Word is what is said to each receiver, a bit per id.
type Word struct {
	Attack Set // who is told to attack; the others are told to retreat
	Spoken Set // who is told anything
}

// Traitor decides what is said instead of the truth. It keeps no state: what
// it says depends on the relay (and on its seed) alone.
type Traitor interface {
	Say(*Relay) Word
}

// Tamperer is a traitor who also breaks the rules of messages: it may replace
// everything that he sends in a round.
type Tamperer interface {
	Traitor
	Tamper(round, n, me int, out []Parcel) []Parcel
}

// sealer is a protocol whose messages must be signed again when altered.
type sealer interface{ Seal(Message) Message }

// Betray turns a loyal general into a traitor: he hears and remembers like a
// loyal one, and says what the traitor makes of it.
func Betray(loyal Protocol, a Algorithm, c Config, traitors Set, with Traitor) Protocol {
	return &betrayal{
		Protocol: loyal, config: c, with: with,
		relay: Relay{N: c.N, T: c.T, Rounds: a.Rounds(c.T), Traitors: traitors},
	}
}

type betrayal struct {
	Protocol
	config Config
	with   Traitor
	relay  Relay
	mute   Set // to whom a loyal general would have spoken, and the traitor does not
}

// Mute returns to whom a general keeps quiet in the round of its last step
// though it had something to say: nobody, for a loyal one. Those wait for it
// until the round is over.
func Mute(p Protocol) Set {
	if b, ok := p.(*betrayal); ok {
		return b.mute
	}
	return 0
}

// Step implements [Protocol].
func (b *betrayal) Step(round int, inbox []Delivery) []Parcel {
	var out []Parcel
	honest := b.Protocol.Step(round, inbox)
	for _, p := range honest {
		out = append(out, b.twist(round+1, p)...)
	}
	b.mute = Receivers(honest) &^ Receivers(out)
	if t, ok := b.with.(Tamperer); ok && out != nil {
		out = t.Tamper(round+1, b.config.N, b.config.Me, out)
	}
	return out
}

// Receivers is everybody to whom any of the parcels goes.
func Receivers(parcels []Parcel) Set {
	var to Set
	for _, p := range parcels {
		to |= p.To
	}
	return to
}

// twist replaces a parcel by what the traitor says.
func (b *betrayal) twist(round int, p Parcel) []Parcel {
	r := b.relay
	r.Round, r.Path, r.Honest, r.To = round, []byte(p.Path), p.Value, p.To
	r.Commander = b.config.Commander
	if b.config.Interactive {
		r.Commander = int(p.Path[0])
	}
	w := b.with.Say(&r)
	var out []Parcel
	for _, v := range []Value{Retreat, Attack} {
		q := p
		if q.To = p.To & w.Spoken & (w.Attack ^ v.Not().Spread()); q.To == 0 {
			continue
		}
		if s, ok := b.Protocol.(sealer); ok && v != p.Value {
			q.Value = v
			q.Message = s.Seal(q.Message)
		}
		q.Value = v
		out = append(out, q)
	}
	return out
}
