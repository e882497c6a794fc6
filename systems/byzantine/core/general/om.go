package general

// oralMessages is OM(t) of Lamport, Shostak and Pease: what A told B is passed
// on along all paths, and resolved by recursive majority.
var oralMessages = Algorithm{
	Name:       "om",
	Summary:    "oral messages, recursive majority",
	Guarantees: func(n, t int) bool { return n > 3*t },
	Condition:  "n > 3t",
	Rounds:     func(t int) int { return t + 1 },
	Talk:       broadcastTalk,
	Messages:   oralCount,
	New:        func(c Config) Protocol { return newOM(c) },
}

// oralCount is (n−1)(n−2)…(n−r) for each commander: paths of r ids with a
// receiver that is not on them.
func oralCount(c Config, round int) int64 {
	n := int64(1)
	for i := 1; i <= round; i++ {
		n *= int64(c.N - i)
	}
	if c.Interactive {
		n *= int64(c.N)
	}
	return n
}

// om is one loyal general in OM(t).
type om struct {
	Config
	rounds int
	trees  []*tree // by commander; nil where nobody commands
	tally  Tally
}

func newOM(c Config) *om {
	o := &om{Config: c, rounds: c.T + 1, trees: make([]*tree, c.N)}
	o.tally.Accepted = make([]int64, o.rounds)
	for id := range o.trees {
		if c.commands(id) {
			o.trees[id] = newTree(c.N, o.rounds, id)
		}
	}
	return o
}

// Step implements [Protocol].
func (o *om) Step(round int, inbox []Delivery) []Parcel {
	for _, d := range inbox {
		o.receive(round, d)
	}
	switch {
	case round >= o.rounds:
		return nil
	case round > 0:
		return o.relay(round)
	case o.commands(o.Me):
		return []Parcel{{Message: Message{Path: string([]byte{byte(o.Me)}), Value: o.Order}, To: o.everyone() &^ Only(o.Me)}}
	}
	return nil
}

func (o *om) receive(round int, d Delivery) {
	if round > o.rounds {
		round = 0
	}
	why, ok := o.screen(round, d)
	switch {
	case ok && o.trees[d.Path[0]] == nil:
		why, ok = WrongPath, false
	case ok && !o.trees[d.Path[0]].put(d.Path, d.Value):
		why, ok = Duplicate, false
	}
	if !ok {
		o.tally.Drops[why]++
		return
	}
	o.tally.accept(round)
}

// relay passes on what was heard in a round, with retreat for silence.
func (o *om) relay(round int) []Parcel {
	var out []Parcel
	for _, t := range o.trees {
		if t == nil {
			continue
		}
		t.paths(round, Only(o.Me), func(path []byte) {
			on, _ := Members(string(path), o.N)
			p := Parcel{To: o.everyone() &^ on &^ Only(o.Me)}
			if p.To == 0 {
				return
			}
			p.Value = t.at(string(path)).value()
			p.Path = string(append(path, byte(o.Me)))
			out = append(out, p)
		})
	}
	return out
}

// Decide implements [Protocol].
func (o *om) Decide() Decision {
	if !o.Interactive {
		return Decision{Value: o.believe(o.Commander), Votes: o.votes()}
	}
	d := Decision{Vector: make([]Value, o.N)}
	attack := 0
	for id := range d.Vector {
		d.Vector[id] = o.believe(id)
		attack += int(d.Vector[id])
	}
	d.Value = majority(attack, o.N, o.Tie)
	return d
}

// votes are what the recursive majority counts at last. Nobody counts any if the
// order is his own, or if there is one round only.
func (o *om) votes() []Value {
	if o.Me == o.Commander || o.Flat {
		return nil
	}
	t := o.trees[o.Commander]
	votes := make([]Value, o.N)
	heard := t.cells[0][0].value()
	votes[o.Commander], votes[o.Me] = heard, heard
	if o.rounds == 1 {
		return nil
	}
	for id := range (o.everyone() &^ Only(o.Me, o.Commander)).All() {
		votes[id] = t.resolve(o.Me, 1, id, Only(o.Commander, id), o.Tie)
	}
	return votes
}

// believe is what the general takes a commander's order for.
func (o *om) believe(commander int) Value {
	t := o.trees[commander]
	switch {
	case commander == o.Me:
		return o.Order
	case o.Flat:
		return t.flat(o.Tie)
	}
	return t.resolve(o.Me, 0, 0, Only(commander), o.Tie)
}

// Tally implements [Protocol].
func (o *om) Tally() Tally { return o.tally }
