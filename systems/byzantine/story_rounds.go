package byzantine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dyno/systems/byzantine/core/general"
)

// shownInFull is how many lines of a round a digest still shows one by one.
const shownInFull = 24

// rounds tells them one after the other.
func (t *teller) rounds() {
	slices.SortStableFunc(t.Log, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.round, b.round), cmp.Compare(a.speaker(), b.speaker()), strings.Compare(a.path, b.path), -cmp.Compare(a.value, b.value))
	})
	t.index()
	if t.resolver == resolvePruned {
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

func (e entry) speaker() byte { return e.path[len(e.path)-1] }

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
		if t.heard[e.path] == nil {
			t.heard[e.path] = make(map[int]general.Value)
		}
		for id := range e.to.All() {
			if _, ok := t.heard[e.path][id]; !ok { // the first word counts
				t.heard[e.path][id] = e.value
			}
		}
	}
}

// lies reports whether what is said is not what the speaker was told itself.
func (t *teller) lies(e entry) bool {
	if t.Algorithm.Name != "om" || t.Cut {
		return false
	}
	me := int(e.speaker())
	switch {
	case t.Lost.Has(me):
		return false // nobody knows what it had heard
	case len(e.path) > 1:
		return t.heard[e.path[:len(e.path)-1]][me] != e.value // silence was taken for retreat
	}
	return t.Interactive && e.value != t.Initial[me] // a commander's order is true whatever it is
}

// round tells one round: every message, or a line for each speaker if they are
// many.
func (t *teller) round(round int) {
	var said []entry
	for _, e := range t.Log {
		if e.round == round {
			said = append(said, e)
		}
	}
	if t.verbose || len(said) <= shownInFull {
		for _, e := range said {
			t.sayf("  %d%s → %s: %s%s", e.speaker(), t.mark(int(e.speaker())), ids(e.to), t.quote(e), t.remark(e))
		}
	} else {
		t.digest(said)
	}
	if t.log && !t.Cut {
		t.quiet(round, said)
	}
}

func (t *teller) remark(e entry) string {
	if t.lies(e) {
		return "   a lie"
	}
	return ""
}

// quote says who said what to whom: 1 said that 2 said that 0 said attack.
func (t *teller) quote(e entry) string {
	var b strings.Builder
	for i := len(e.path) - 2; i >= 0; i-- {
		if t.Algorithm.Name == "sm" {
			break
		}
		fmt.Fprintf(&b, "%d said ", e.path[i])
		if i > 0 {
			b.WriteString("that ")
		}
	}
	b.WriteString(e.value.String())
	if t.Algorithm.Name == "sm" {
		var names []string
		for i := range len(e.path) {
			names = append(names, fmt.Sprint(e.path[i]))
		}
		fmt.Fprintf(&b, ", signed by %s", strings.Join(names, ", "))
	}
	return b.String()
}

// digest has a line for each speaker: how much it passed on, and how much of it
// was not true. Loyal speakers share a line.
func (t *teller) digest(said []entry) {
	values, lies := make([]int, t.N), make([]int, t.N)
	for _, e := range said {
		values[e.speaker()] += e.to.Len()
		if t.lies(e) {
			lies[e.speaker()] += e.to.Len()
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
		t.sayf("  %s pass on truly what they were told (-v shows every message)", ids(honest))
	}
}

// quiet names those who should have spoken and said nothing.
func (t *teller) quiet(round int, said []entry) {
	senders, _ := t.Algorithm.Talk(t.Config(0), round)
	var spoke general.Set
	for _, e := range said {
		spoke |= general.Only(int(e.speaker()))
	}
	if silent := senders &^ spoke; silent != 0 && t.Algorithm.Name != "sm" && (t.N > round || t.Algorithm.Name != "om") {
		t.sayf("  %s say nothing, which is taken for retreat", ids(silent))
	}
}
