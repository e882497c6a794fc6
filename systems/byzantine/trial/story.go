package trial

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// left is what a trial that is invalid leaves in its bundle.
type left struct {
	Story story.Story `json:"story"`
}

// Explain tells of the first run that broke a promise.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var l left
	if err := systems.ReadHistory(bundle, &l); err != nil {
		return nil, err
	}
	return l.Story.Tell(svg)
}

// maxSaid bounds the messages in a picture.
const maxSaid = 24

// Moments of a picture: rounds have room for each speaker, one after the other.
const (
	roundLength = 1_000
	turnLength  = 10
)

// said is one thing said by one general to another one.
type said struct {
	round, from, to int
	path            string
	value           general.Value
}

// teller tells of one run in which somebody did wrong.
type teller struct {
	*play.Outcome
	heard []said
	faulty
}

// faulty is what a general without an order to betray did wrong.
type faulty struct {
	who   int
	what  string
	shown []said // that show it
}

// tell finds who did what is not to be, by what everybody heard, and shows it with
// what was decided then. broken is what the checks say of the run.
func tell(o *play.Outcome, broken []record.Check) story.Story {
	t := &teller{Outcome: o}
	for _, e := range o.Log {
		for id := range e.To.All() {
			t.heard = append(t.heard, said{e.Round, int(e.Path[len(e.Path)-1]), id, e.Path, e.Value})
		}
	}
	slices.SortFunc(t.heard, func(a, b said) int {
		return cmp.Or(cmp.Compare(a.round, b.round), cmp.Compare(a.from, b.from), cmp.Compare(a.path, b.path), cmp.Compare(a.to, b.to))
	})
	s := story.Story{Labels: make(map[int64]string)}
	for _, find := range []func() (faulty, bool){t.twoFaced, t.liar, t.mute} {
		if f, found := find(); found {
			t.faulty = f
			break
		}
	}
	s.Title = fmt.Sprintf("%d generals, up to %d traitors: %s", o.N, o.T, cmp.Or(t.what, "a promise is broken"))
	if t.what != "" {
		s.Words = append(s.Words, t.what+"; nobody had told it to betray")
	} else if t.shown = t.heard; len(t.heard) == 0 {
		s.Words = append(s.Words, "the generals did not say what they heard: only what they decided is known")
	}
	for _, h := range t.shown[:min(len(t.shown), maxSaid)] {
		s.Messages = append(s.Messages, t.message(h))
	}
	t.decisions(&s)
	t.label(&s)
	for _, c := range broken {
		if t.what == "" { // else the card has them, too
			s.Words = append(s.Words, c.Name+": "+c.Detail)
		}
	}
	return s
}

// twoFaced finds a loyal general that said different things of the same.
func (t *teller) twoFaced() (faulty, bool) {
	if t.Algorithm.Name == "sm" { // in which a second order is passed on, too
		return faulty{}, false
	}
	for i, a := range t.heard {
		if !t.loyal(a.from) || a.from == t.Kill {
			continue
		}
		for _, b := range t.heard[i+1:] {
			if b.round != a.round || b.path != a.path {
				break // what is the same lies together
			}
			if b.value == a.value {
				continue
			}
			return faulty{
				a.from, fmt.Sprintf("in round %d general %d told general %d %q, and general %d %q, %s", a.round, a.from, a.to, a.value, b.to,
					b.value, of(a.path)), append(t.told(a), a, b),
			}, true
		}
	}
	return faulty{}, false
}

// liar finds a loyal general that passed on what it had not been told.
func (t *teller) liar() (faulty, bool) {
	if t.Algorithm.Name != "om" || t.Cut {
		return faulty{}, false
	}
	for _, a := range t.heard {
		was := t.told(a)
		if !t.loyal(a.from) || len(was) == 0 || was[0].value == a.value {
			continue
		}
		return faulty{
			a.from, fmt.Sprintf("general %d was told %q by general %d, and told general %d %q", a.from, was[0].value, was[0].from, a.to, a.value),
			append(was, a),
		}, true
	}
	return faulty{}, false
}

// mute finds a loyal general that said nothing to somebody in a round.
func (t *teller) mute() (faulty, bool) {
	if t.Algorithm.Name == "sm" || t.Cut || len(t.heard) == 0 {
		return faulty{}, false
	}
	for round := 1; round <= t.Algorithm.Rounds(t.T); round++ {
		senders, receivers := t.Algorithm.Talk(t.Config(0), round)
		for from := range (senders & t.Loyal()).All() {
			for to := range (receivers & t.Loyal() &^ general.Only(from)).All() {
				if !slices.ContainsFunc(t.heard, func(h said) bool { return h.round == round && h.from == from && h.to == to }) {
					return faulty{from, fmt.Sprintf("general %d said nothing to general %d in round %d", from, to, round), t.heardBy(to)}, true
				}
			}
		}
	}
	return faulty{}, false
}

// told is what the speaker had been told of what it passes on.
func (t *teller) told(a said) (was []said) {
	for _, h := range t.heard {
		if len(a.path) > 1 && h.path == a.path[:len(a.path)-1] && h.to == a.from {
			return []said{h}
		}
	}
	return nil
}

func (t *teller) heardBy(id int) (all []said) {
	for _, h := range t.heard {
		if h.to == id {
			all = append(all, h)
		}
	}
	return all
}

func (t *teller) loyal(id int) bool { return t.Judged().Loyal().Has(id) }

// message is something said as an arrow.
func (t *teller) message(h said) story.Message {
	at := int64(h.round)*roundLength + int64(h.from)*turnLength
	text := h.value.String()
	if len(h.path) > 1 && t.Algorithm.Name == "om" {
		text += fmt.Sprintf(", %d's word", h.path[len(h.path)-2])
	}
	return story.Message{
		From: t.name(h.from), To: t.name(h.to), Sent: at, Received: at + turnLength/2, Text: text, Broken: t.what != "" && h.from == t.who,
	}
}

// of names the one whose word is passed on.
func of(path string) string {
	if len(path) < 2 {
		return "as its own word"
	}
	return fmt.Sprintf("of what %d had said", path[len(path)-2])
}

// name is that of a general's line.
func (t *teller) name(id int) string {
	switch {
	case t.Traitors.Has(id):
		return fmt.Sprintf("general %d, traitor", id)
	case id == t.Commander && !t.Interactive:
		return fmt.Sprintf("general %d, commander", id)
	}
	return fmt.Sprintf("general %d", id)
}

// decisions shows what each loyal general decided; who is not with the most is
// where the promise is broken.
func (t *teller) decisions(s *story.Story) {
	at := int64(t.Algorithm.Rounds(t.T)+1) * roundLength
	s.Labels[at] = "decisions"
	verdict, right := t.Verdict(), t.Order
	by := make(map[general.Value][]string) // another program may decide what is no order
	for id := range t.Judged().Loyal().All() {
		d := t.Decisions[id].Value
		by[d] = append(by[d], fmt.Sprint(id))
	}
	if !t.loyal(t.Commander) || t.Interactive {
		right = general.Retreat
		if len(by[general.Attack]) > len(by[general.Retreat]) {
			right = general.Attack
		}
	}
	for id := range t.N {
		s.First = append(s.First, t.name(id))
		if !t.loyal(id) {
			continue
		}
		d := t.Decisions[id].Value
		text := d.String()
		if d > general.Attack {
			text = "nothing"
		}
		s.Steps = append(s.Steps, story.Step{
			Who: t.name(id), At: t.name(id), Begin: at, End: at, Text: text, Broken: d != right,
		})
	}
	if !verdict.Agreement && !t.Interactive {
		s.Words = append(s.Words, fmt.Sprintf("in the end %s attack and %s retreat: who is loyal must decide alike",
			strings.Join(by[general.Attack], ", "), strings.Join(by[general.Retreat], ", ")))
	}
	if !verdict.Validity && t.loyal(t.Commander) && !t.Interactive {
		s.Words = append(s.Words, fmt.Sprintf("the commander, who is loyal, ordered to %s", t.Order))
	}
}

// label names the rounds in the picture.
func (t *teller) label(s *story.Story) {
	last := -1
	for _, h := range t.shown[:min(len(t.shown), maxSaid)] {
		if h.round != last {
			s.Labels[int64(h.round)*roundLength+int64(h.from)*turnLength] = fmt.Sprintf("round %d", h.round)
		}
		last = h.round
	}
}
