package byzantine

import (
	"fmt"
	"io"
	"strings"
	"time"

	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// story tells a run to somebody who has never heard of the problem.
func story(w io.Writer, o *play.Outcome, verbose bool) error {
	t := &teller{Outcome: o, verbose: verbose}
	t.introduce()
	t.rounds()
	t.decisions()
	t.conclude()
	_, err := io.WriteString(w, t.text.String())
	return err
}

// teller writes the story of an outcome.
type teller struct {
	*play.Outcome
	verbose bool
	text    strings.Builder
	heard   map[string]map[int]general.Value // om: by path, what each receiver was told
}

func (t *teller) sayf(format string, args ...any) { fmt.Fprintf(&t.text, format+"\n", args...) }

// introduce says what is at stake and who is who.
func (t *teller) introduce() {
	t.sayf("%d generals surround a city. They win if all who are loyal do the same, attack or retreat,", t.N)
	if t.Interactive {
		t.sayf("and they can only send messengers. Each has an opinion of its own and tells all the others;")
		t.sayf("all who are loyal are to end up with the same list of opinions, and to do what most of it says.")
	} else {
		t.sayf("and they can only send messengers. General %d is the commander and gives the order; the others", t.Commander)
		t.sayf("are lieutenants. If the commander is loyal, they are to do what he says.")
	}
	t.sayf("")
	if t.Interactive {
		t.sayf("  opinions   %s", t.opinions())
	} else {
		t.sayf("  order      %s", t.orderLine())
	}
	t.sayf("  traitors   %s", t.whoBetrays())
	t.sayf("  algorithm  %s: %s, %s for up to %s", t.Algorithm.Name, t.Algorithm.Summary, count(int64(t.Algorithm.Rounds(t.T)), "round"),
		count(int64(t.T), "traitor"))
	if t.Flat {
		t.sayf("             but decided by the majority of everything received, which is wrong")
	}
	t.sayf("  guarantee  %s", t.Condition())
}

func (t *teller) orderLine() string {
	if t.Traitors.Has(t.Commander) {
		return "none that counts: the commander is a traitor and may tell each something else"
	}
	return t.Order.String()
}

func (t *teller) opinions() string {
	var out []string
	for id, v := range t.Initial {
		out = append(out, fmt.Sprintf("%d: %s", id, v))
	}
	return strings.Join(out, ", ")
}

func (t *teller) whoBetrays() string {
	if t.Traitors == 0 {
		return "none"
	}
	return fmt.Sprintf("%s; each %s. The loyal ones do not know that.", play.Ids(t.Traitors), t.Adversary.Summary)
}

// mark tells traitors and the dead from others.
func (t *teller) mark(id int) string {
	switch {
	case t.Traitors.Has(id):
		return " (traitor)"
	case t.Lost.Has(id):
		return " (killed)"
	}
	return ""
}

// count is a number with its noun.
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// decisions says what each loyal general does, and what made it do so.
func (t *teller) decisions() {
	t.sayf("")
	t.sayf("Decisions")
	for id := range t.Judged().Loyal().All() {
		d := t.Decisions[id]
		t.sayf("%s", strings.TrimRight(fmt.Sprintf("  general %-3d %-8s %s", id, d.Value, t.because(id, d)), " "))
	}
	for id := range t.Lost.All() {
		t.sayf("  general %-3d was killed: to the others it fell silent", id)
	}
}

func (t *teller) because(id int, d general.Decision) string {
	switch {
	case t.Interactive:
		return "its list of opinions: " + strings.Join(words(d.Vector), ", ")
	case id == t.Commander && t.Algorithm.Name != "phase-king":
		return "its own order"
	case t.T == 0 && t.Algorithm.Name == "om":
		return "as it was ordered"
	case len(d.Votes) == t.N:
		return t.votes(id, d.Votes)
	case t.Algorithm.Name == "sm" && t.Heard && !t.Cut:
		return t.signatures(id)
	}
	return ""
}

// signatures is which orders a lieutenant has seen the commander's name under.
func (t *teller) signatures(me int) string {
	var seen [2]bool
	for _, e := range t.Log {
		if e.To.Has(me) {
			seen[e.Value] = true
		}
	}
	switch {
	case seen[0] && seen[1]:
		return "it has seen both orders signed by the commander, who must be a traitor"
	case seen[0] || seen[1]:
		return "the only order it has seen signed by the commander"
	}
	return "it has seen no order"
}

// votes are what a lieutenant counts in the end: what it was ordered itself,
// and what it believes that each other lieutenant was.
func (t *teller) votes(me int, votes []general.Value) string {
	var by [2]general.Set
	for id, v := range votes {
		if id != t.Commander {
			by[v] |= general.Only(id)
		}
	}
	text := fmt.Sprintf("told %s itself; believes that lieutenants were told", votes[me])
	var parts []string
	for _, v := range []general.Value{general.Attack, general.Retreat} {
		if by[v] != 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", v, play.Ids(by[v])))
		}
	}
	text += " " + strings.Join(parts, "; ")
	if by[0].Len() == by[1].Len() {
		text += " (a tie means retreat)"
	}
	return text
}

// conclude says in one sentence what was agreed, or that nothing was.
func (t *teller) conclude() {
	v, loyal := t.Verdict(), t.Judged().Loyal()
	t.sayf("")
	all := fmt.Sprintf("All %d loyal generals decide to %s", loyal.Len(), v.Decision)
	if loyal.Len() == 1 {
		all = fmt.Sprintf("The one loyal general decides to %s", v.Decision)
	}
	switch {
	case loyal == 0:
		t.sayf("There is no loyal general left to agree.")
	case !v.Agreement && t.Interactive:
		t.sayf("No agreement: the loyal generals hold different lists or do different things.")
	case !v.Agreement:
		var by [2]general.Set
		for id := range loyal.All() {
			by[t.Decisions[id].Value] |= general.Only(id)
		}
		t.sayf("No agreement: %s attack, %s retreat.", play.Ids(by[general.Attack]), play.Ids(by[general.Retreat]))
	case !v.Validity:
		t.sayf("%s, but that is not what a loyal commander ordered.", all)
	case t.Interactive:
		t.sayf("%s and hold the same list, in which every loyal opinion stands as it was.", all)
	case loyal.Has(t.Commander):
		t.sayf("%s, as the loyal commander ordered.", all)
	default:
		t.sayf("%s, whatever the commander, who is not loyal, told each of them.", all)
	}
	t.counts()
}

// counts says what it cost.
func (t *teller) counts() {
	var total int64
	for _, n := range t.Messages {
		total += n
	}
	var parts []string
	if t.Resolver != play.ResolvePruned {
		parts = append(parts, count(total, "value")+" carried")
	}
	if t.Physical > 0 {
		parts = append(parts, "in "+count(t.Physical, "message"))
	}
	if d := t.Drops; d.Sum() > 0 {
		var why []string
		for r, n := range d {
			if n > 0 {
				why = append(why, fmt.Sprintf("%s: %d", general.Reason(r), n))
			}
		}
		parts = append(parts, fmt.Sprintf("%d more dropped (%s)", d.Sum(), strings.Join(why, ", ")))
	}
	if t.Bytes > 0 {
		parts = append(parts, count(t.Bytes, "byte"))
	}
	parts = append(parts, fmt.Sprint(t.Took.Round(10*time.Microsecond)))
	t.sayf("(%s.)", strings.Join(parts, ", "))
}
