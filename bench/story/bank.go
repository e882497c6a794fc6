package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dyno/bench/history"
	"dyno/internal/record"
	"dyno/internal/spacetime"
)

// maxOthers bounds the operations in a picture that only may matter.
const maxOthers = 6

// maxNamed bounds the writes that are told one by one.
const maxNamed = 3

// looker is the line of who looks at replicas when all is over.
const looker = "dyno"

// Bank tells of the first balance that is wrong: shown to a client, or held by a
// replica in the end. There may be nothing to tell: then it has no words.
func Bank(b history.Bank, told history.Told) Story {
	f, found := b.Explain(told)
	if !found {
		return Story{}
	}
	t := &tale{server: told.Server, name: told.Name, flaw: &f}
	shown := slices.Concat(cut(f.Lost), cut(f.Twice), cut(f.Open))
	slices.SortStableFunc(shown, func(a, b history.BankOp) int { return cmp.Compare(a.Begin, b.Begin) })
	s := Story{Title: t.title(), Words: t.words()}
	for _, o := range append(shown, f.Read) {
		s.Steps = append(s.Steps, Step{
			Who: t.who(o), At: t.at(o), Begin: o.Begin, End: o.End, Text: asked(o) + " → " + answer(o), Outcome: o.Outcome,
		})
	}
	s.Steps[len(s.Steps)-1].Broken = true
	s.Messages = t.missing()
	return s
}

// missing are the messages that cannot have arrived, or the balance would be
// another one: from whoever acknowledged a write to whoever did not know of it.
func (t *tale) missing() (out []Message) {
	text := "not there yet"
	if t.flaw.Where != "" {
		text = "never got there"
	}
	for _, o := range cut(t.flaw.Lost) {
		if from, to := t.at(o), t.at(t.flaw.Read); from != to && o.End != history.Never {
			out = append(out, Message{From: from, To: to, Sent: o.End, Received: spacetime.Never, Text: text, Inferred: true})
		}
	}
	return out
}

// cut leaves the latest of many.
func cut(ops []history.BankOp) []history.BankOp { return ops[max(0, len(ops)-maxOthers):] }

type tale struct {
	server func(history.BankOp) string
	name   func(history.BankOp) string
	flaw   *history.Flaw
}

func (t *tale) at(o history.BankOp) string {
	if o.Client == history.NoClient {
		return t.flaw.Where
	}
	return t.server(o)
}

func (t *tale) who(o history.BankOp) string {
	switch {
	case o.Client == history.NoClient:
		return looker
	case t.name != nil:
		return t.name(o)
	}
	return fmt.Sprintf("customer %d", o.Client)
}

func asked(o history.BankOp) string {
	if o.Input.Kind == history.Query {
		return "query"
	}
	return fmt.Sprintf("%s %d", o.Input.Kind, o.Input.Amount)
}

func answer(o history.BankOp) string {
	switch {
	case o.Outcome == record.OK && (o.Input.Kind == history.Query || o.Output.Shown):
		return fmt.Sprint(o.Output.Balance)
	case o.Outcome == record.Unknown:
		return "no answer"
	}
	return o.Outcome.String()
}

func (t *tale) title() string {
	f := t.flaw
	switch {
	case f.Where != "" && len(f.Lost) > 0:
		return fmt.Sprintf("%s lacks %s in the end", f.Where, count(len(f.Lost)))
	case len(f.Lost) > 0 && f.Lost[len(f.Lost)-1].Client == f.Read.Client:
		return fmt.Sprintf("%s does not see its own write", t.who(f.Read))
	case len(f.Lost) > 0:
		return fmt.Sprintf("%s does not see %s", t.who(f.Read), count(len(f.Lost)))
	case len(f.Twice) > 0:
		verb := "is"
		if len(f.Twice) > 1 {
			verb = "are"
		}
		return fmt.Sprintf("%s at %s %s counted twice", count(len(f.Twice)), t.at(f.Twice[0]), verb)
	}
	return fmt.Sprintf("%s reads a balance that nothing explains", t.who(f.Read))
}

func count(n int) string {
	if n == 1 {
		return "an acknowledged write"
	}
	return fmt.Sprintf("%d acknowledged writes", n)
}

// words tell what happened, a line each.
func (t *tale) words() []string {
	f := t.flaw
	read := fmt.Sprintf("%s read %d at %s", t.who(f.Read), f.Read.Output.Balance, t.at(f.Read))
	if f.Read.Input.Kind != history.Query {
		read = fmt.Sprintf("%s was told by %s, on its %s, that the balance is %d now,", t.who(f.Read), t.at(f.Read), asked(f.Read),
			f.Read.Output.Balance)
	}
	if f.Where != "" {
		read = fmt.Sprintf("when all was over, %s held %d", f.Where, f.Read.Output.Balance)
	}
	var out []string
	switch {
	case len(f.Lost) > 0:
		out = append(out, fmt.Sprintf("%s after %s had been acknowledged", read, t.named(f.Lost)))
	case len(f.Twice) > 0:
		out = append(out, fmt.Sprintf("%s, as if %s had happened twice", read, t.named(f.Twice)))
	default:
		out = append(out, read)
	}
	right := []string{fmt.Sprintf("right is %d: %d from all else", f.Right, f.Rest)}
	all := slices.Concat(f.Lost, f.Twice)
	for _, o := range all {
		if o.Outcome == record.OK && len(all) <= maxNamed {
			right = append(right, fmt.Sprintf("%s by %s", asked(o), t.who(o)))
		}
	}
	if len(all) > maxNamed {
		right = append(right, fmt.Sprintf("and these %d writes", len(all)))
	}
	text := strings.Join(right, ", ")
	if n := len(f.Open); n > 0 {
		text += fmt.Sprintf("; no choice among the %d under way or unknown makes it %d", n, f.Read.Output.Balance)
	}
	return append(out, text)
}

// named lists writes as a reader calls them.
func (t *tale) named(ops []history.BankOp) string {
	var parts []string
	for _, o := range ops[max(0, len(ops)-maxNamed):] {
		switch {
		case o.Client == t.flaw.Read.Client:
			parts = append(parts, fmt.Sprintf("its own %s of %d", o.Input.Kind, o.Input.Amount))
		default:
			parts = append(parts, fmt.Sprintf("the %s of %d by %s at %s", o.Input.Kind, o.Input.Amount, t.who(o), t.at(o)))
		}
	}
	text := strings.Join(parts, ", ")
	if left := len(ops) - len(parts); left > 0 {
		text = fmt.Sprintf("%d writes, the last of them %s", len(ops), text)
	}
	return text
}
