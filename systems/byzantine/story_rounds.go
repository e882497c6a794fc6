package byzantine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// shownInFull is how many lines of a round a digest still shows one by one.
const shownInFull = 24

// rounds tells them one after the other.
func (t *teller) rounds() {
	slices.SortStableFunc(t.Log, func(a, b play.Entry) int {
		return cmp.Or(cmp.Compare(a.Round, b.Round), cmp.Compare(speaker(a), speaker(b)), strings.Compare(a.Path, b.Path),
			-cmp.Compare(a.Value, b.Value))
	})
	t.index()
	if t.Resolver == play.ResolvePruned {
		t.sayf("\nThe traitors' paths were followed, those of loyal generals need not be; no message was sent.")
		return
	}
	for round := 1; round <= t.Algorithm.Rounds(t.T); round++ {
		var carried int64
		if round <= len(t.Messages) {
			carried = t.Messages[round-1]
		}
		t.sayf("")
		t.sayf("Round %d: %s (%s)", round, t.title(round), count(carried, "value"))
		t.round(round)
	}
	if t.Cut {
		t.sayf("\n(The log is full: not all messages are shown.)")
	}
}

func speaker(e play.Entry) byte { return e.Path[len(e.Path)-1] }

// title says what a round is for.
func (t *teller) title(round int) string {
	switch a := t.Algorithm.Name; {
	case a == "phase-king" && round > 1 && round%2 == 0:
		return fmt.Sprintf("phase %d, each tells all the others what it is for", round/2)
	case a == "phase-king" && round > 1:
		return fmt.Sprintf("phase %d, general %d is king: who saw no clear majority follows him", round/2, round/2-1)
	case a == "sm" && round == 1:
		return "the commander signs his order and sends it"
	case a == "sm":
		return "whoever sees a signed order for the first time signs it too and passes it on"
	case round == 1 && t.Interactive:
		return "each tells its own opinion"
	case round == 1:
		return "the commander gives his order"
	case round == 2 && t.Interactive:
		return "each tells the others what it was told"
	case round == 2:
		return "each lieutenant tells the others what the commander told him"
	}
	return fmt.Sprintf("each tells the others what it was told in round %d", round-1)
}

// index remembers who was told what, so that a lie can be told from the truth.
func (t *teller) index() {
	t.heard = make(map[string]map[int]general.Value)
	if t.Algorithm.Name != "om" || t.Cut {
		return
	}
	for _, e := range t.Log {
		if t.heard[e.Path] == nil {
			t.heard[e.Path] = make(map[int]general.Value)
		}
		for id := range e.To.All() {
			if _, ok := t.heard[e.Path][id]; !ok { // the first word counts
				t.heard[e.Path][id] = e.Value
			}
		}
	}
}

// lies reports whether what is said is not what the speaker was told itself.
func (t *teller) lies(e play.Entry) bool {
	if t.Algorithm.Name != "om" || t.Cut {
		return false
	}
	me := int(speaker(e))
	switch {
	case t.Lost.Has(me):
		return false // nobody knows what it had heard
	case len(e.Path) > 1:
		return t.heard[e.Path[:len(e.Path)-1]][me] != e.Value // silence was taken for retreat
	}
	return t.Interactive && e.Value != t.Initial[me] // a commander's order is true whatever it is
}

// round tells one round: every message, or a line for each speaker if they are
// many.
func (t *teller) round(round int) {
	var said []play.Entry
	for _, e := range t.Log {
		if e.Round == round {
			said = append(said, e)
		}
	}
	if t.verbose || len(said) <= shownInFull {
		for _, e := range said {
			t.sayf("  %d%s → %s: %s%s", speaker(e), t.mark(int(speaker(e))), play.Ids(e.To), t.quote(e), t.remark(e))
		}
	} else {
		t.digest(said)
	}
	if t.Heard && !t.Cut {
		t.quiet(round, said)
	}
}

func (t *teller) remark(e play.Entry) string {
	if t.lies(e) {
		return "   a lie"
	}
	return ""
}

// quote says who said what to whom: 1 said that 2 said that 0 said attack.
func (t *teller) quote(e play.Entry) string {
	var b strings.Builder
	for i := len(e.Path) - 2; i >= 0; i-- {
		if t.Algorithm.Name == "sm" {
			break
		}
		fmt.Fprintf(&b, "%d said ", e.Path[i])
		if i > 0 {
			b.WriteString("that ")
		}
	}
	b.WriteString(e.Value.String())
	if t.Algorithm.Name == "sm" {
		var names []string
		for i := range len(e.Path) {
			names = append(names, fmt.Sprint(e.Path[i]))
		}
		fmt.Fprintf(&b, ", signed by %s", strings.Join(names, ", "))
	}
	return b.String()
}

// digest has a line for each speaker: how much it passed on, and how much of it
// was not true. Loyal speakers share a line.
func (t *teller) digest(said []play.Entry) {
	values, lies := make([]int, t.N), make([]int, t.N)
	for _, e := range said {
		values[speaker(e)] += e.To.Len()
		if t.lies(e) {
			lies[speaker(e)] += e.To.Len()
		}
	}
	var honest general.Set
	for id, n := range values {
		switch {
		case n == 0:
		case lies[id] == 0 && t.mark(id) == "":
			honest |= general.Only(id)
		case lies[id] == 0:
			t.sayf("  %d%s says %s", id, t.mark(id), count(int64(n), "thing"))
		default:
			t.sayf("  %d%s says %s, %d of them lies", id, t.mark(id), count(int64(n), "thing"), lies[id])
		}
	}
	if honest != 0 {
		t.sayf("  %s pass on truly what they were told (-v shows every message)", play.Ids(honest))
	}
}

// quiet names those who should have spoken and said nothing.
func (t *teller) quiet(round int, said []play.Entry) {
	senders, _ := t.Algorithm.Talk(t.Config(0), round)
	var spoke general.Set
	for _, e := range said {
		spoke |= general.Only(int(speaker(e)))
	}
	if silent := senders &^ spoke; silent != 0 && t.Algorithm.Name != "sm" && (t.N > round || t.Algorithm.Name != "om") {
		t.sayf("  %s say nothing, which is taken for retreat", play.Ids(silent))
	}
}
