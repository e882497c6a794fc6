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

// looker is the line of who looks at replicas when all is over.
const looker = "dyno"

// Bank tells of the first balance that is wrong: shown to a client, or held by a
// replica in the end. server says who serves a client's requests. There may be
// nothing to tell.
func Bank(b history.Bank, ops []history.BankOp, replicas []history.Replica, server func(client int32) string) (spacetime.Diagram, bool) {
	f, found := b.Explain(ops, replicas, server)
	if !found {
		return spacetime.Diagram{}, false
	}
	t := &tale{server: server, flaw: &f}
	t.d.Title = t.title()
	t.d.Words = t.words()
	shown := slices.Concat(cut(f.Lost), cut(f.Twice), cut(f.Open))
	slices.SortStableFunc(shown, func(a, b history.BankOp) int { return cmp.Compare(a.Begin, b.Begin) })
	t.lines(append(slices.Clone(shown), f.Read))
	for _, o := range shown {
		t.call(o, false)
	}
	t.call(f.Read, true)
	return t.d, true
}

// cut leaves the latest of many.
func cut(ops []history.BankOp) []history.BankOp { return ops[max(0, len(ops)-maxOthers):] }

type tale struct {
	server func(client int32) string
	flaw   *history.Flaw
	d      spacetime.Diagram
}

func (t *tale) at(o history.BankOp) string {
	if o.Client == history.NoClient {
		return t.flaw.Where
	}
	return t.server(o.Client)
}

func who(o history.BankOp) string {
	if o.Client == history.NoClient {
		return looker
	}
	return fmt.Sprintf("customer %d", o.Client)
}

// lines gives everybody a line: customers above, those who serve them below.
func (t *tale) lines(ops []history.BankOp) {
	var above, below []string
	for _, o := range ops {
		above, below = append(above, who(o)), append(below, t.at(o))
	}
	slices.Sort(above)
	slices.Sort(below)
	t.d.Processes = append(slices.Compact(above), slices.Compact(below)...)
}

func (t *tale) call(o history.BankOp, broken bool) {
	t.d.Calls = append(t.d.Calls, spacetime.Call{
		From: slices.Index(t.d.Processes, who(o)), To: slices.Index(t.d.Processes, t.at(o)),
		Begin: o.Begin, End: o.End, Text: asked(o) + " → " + told(o), Outcome: o.Outcome, Broken: broken,
	})
}

func asked(o history.BankOp) string {
	if o.Input.Kind == history.Query {
		return "query"
	}
	return fmt.Sprintf("%s %d", o.Input.Kind, o.Input.Amount)
}

func told(o history.BankOp) string {
	switch {
	case o.Outcome == record.OK && o.Input.Kind == history.Query:
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
		return fmt.Sprintf("%s does not see its own write", who(f.Read))
	case len(f.Lost) > 0:
		return fmt.Sprintf("%s does not see %s", who(f.Read), count(len(f.Lost)))
	case len(f.Twice) > 0:
		return fmt.Sprintf("%s at %s is counted twice", count(len(f.Twice)), t.at(f.Twice[0]))
	}
	return fmt.Sprintf("%s reads a balance that nothing explains", who(f.Read))
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
	read := fmt.Sprintf("%s read %d at %s", who(f.Read), f.Read.Output.Balance, t.at(f.Read))
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
	right := fmt.Sprintf("right is %d: %d from all else", f.Right, f.Rest)
	for _, o := range cut(slices.Concat(f.Lost, f.Twice)) {
		if o.Outcome == record.OK {
			right += fmt.Sprintf(", %s by %s", asked(o), who(o))
		}
	}
	if n := len(f.Open); n > 0 {
		right += fmt.Sprintf("; no choice among the %d under way or unknown makes it %d", n, f.Read.Output.Balance)
	}
	return append(out, right)
}

// named lists writes as a reader calls them.
func (t *tale) named(ops []history.BankOp) string {
	var parts []string
	for _, o := range cut(ops) {
		switch {
		case o.Client == t.flaw.Read.Client:
			parts = append(parts, fmt.Sprintf("its own %s of %d", o.Input.Kind, o.Input.Amount))
		default:
			parts = append(parts, fmt.Sprintf("the %s of %d by %s at %s", o.Input.Kind, o.Input.Amount, who(o), t.at(o)))
		}
	}
	text := strings.Join(parts, ", ")
	if left := len(ops) - len(parts); left > 0 {
		text = fmt.Sprintf("%d writes, the last of them %s", len(ops), text)
	}
	return text
}
