package general

// phaseKing is the phase king algorithm of Berman and Garay in its simple form:
// the commander's order, then t + 1 phases, each with a king of its own. All
// tell all what they hold; whoever sees no overwhelming majority follows the
// king. One king at least is loyal.
var phaseKing = Algorithm{
	Name:       "phase-king",
	Summary:    "t + 1 phases, each with a king; polynomially many messages",
	Guarantees: func(n, t int) bool { return n > 4*t },
	Condition:  "n > 4t",
	Rounds:     func(t int) int { return 1 + 2*(t+1) },
	Talk:       kingTalk,
	Messages: func(c Config, round int) int64 {
		senders, _ := kingTalk(c, round)
		return int64(senders.Len() * (c.N - 1))
	},
	New: func(c Config) Protocol { return &king{Config: c} },
}

// kingOf is the king who speaks in a round. Kings are generals 0 to t.
func kingOf(round int) int { return (round - 3) / 2 }

// kingSpeaks reports whether a round is one in which the king alone speaks:
// after the commander's, rounds of all and rounds of a king take turns.
func kingSpeaks(round int) bool { return round > 1 && round%2 == 1 }

func kingTalk(c Config, round int) (senders, receivers Set) {
	switch {
	case round == 1:
		return Only(c.Commander), c.everyone()
	case kingSpeaks(round):
		return Only(kingOf(round)), c.everyone()
	}
	return c.everyone(), c.everyone()
}

// king is one loyal general.
type king struct {
	Config
	holds  Value // what the general prefers
	strong bool  // so many agree that the king does not matter
	tally  Tally
}

// Step implements [Protocol].
func (k *king) Step(round int, inbox []Delivery) []Parcel {
	if round > phaseKing.Rounds(k.T) {
		return nil
	}
	heard := k.hear(round, inbox)
	switch {
	case round == 0:
		if k.Me == k.Commander {
			k.holds = k.Order
		}
	case round == 1:
		if k.Me != k.Commander {
			k.holds = heard.At(k.Commander)
		}
	case !kingSpeaks(round):
		k.count(heard)
	case !k.strong && kingOf(round) != k.Me:
		k.holds = heard.At(kingOf(round))
	}
	next := round + 1
	if senders, _ := kingTalk(k.Config, next); next > phaseKing.Rounds(k.T) || !senders.Has(k.Me) {
		return nil
	}
	return []Parcel{{Message: Message{Path: string([]byte{byte(k.Me)}), Value: k.holds}, To: k.everyone() &^ Only(k.Me)}}
}

// hear returns a word with what each general said; silence is retreat.
func (k *king) hear(round int, inbox []Delivery) (heard Set) {
	var spoken Set
	senders, _ := kingTalk(k.Config, round)
	for _, d := range inbox {
		why, ok := k.screen(1, d)
		switch {
		case ok && !senders.Has(d.From):
			why, ok = WrongPath, false
		case ok && spoken.Has(d.From):
			why, ok = Duplicate, false
		}
		if !ok {
			k.tally.Drops[why]++
			continue
		}
		k.tally.accept(round)
		spoken |= Only(d.From)
		heard |= Set(d.Value) << d.From
	}
	return heard
}

// count takes the majority of what all hold, oneself included.
func (k *king) count(heard Set) {
	attack := heard.Len() + int(k.holds)
	k.holds = majority(attack, k.N, k.Tie)
	most := max(attack, k.N-attack)
	k.strong = 2*most > k.N+2*k.T
}

// Decide implements [Protocol].
func (k *king) Decide() Decision { return Decision{Value: k.holds} }

// Tally implements [Protocol].
func (k *king) Tally() Tally { return k.tally }
