package byzantine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Starts:  true,
		Summary: "plays one run and tells how it went: the rounds, who told whom what, and what was agreed",
		Example: "dyno byzantine run --n 7 --t 2 --order attack --traitors 5,6 --adversary flip\n" +
			"dyno byzantine run --n 3 --t 1 --traitors 2 --algorithm sm\n" +
			"dyno byzantine run --n 4 --t 1 --mode interactive --initial a,r,a,a --traitors 1 --adversary equivocate -v\n" +
			"dyno byzantine run --n 31 --t 10 --traitors 0,1,2 --adversary random --json",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := new(options)
			o.declare(fs)
			return o.run
		},
	}
}

func (o *options) run(ctx context.Context, sh systems.Shell) error {
	b, process, err := o.play()
	if err != nil {
		return err
	}
	var result *play.Outcome
	if process {
		result, err = cluster.Once(ctx, sh, b)
	} else {
		result, err = b.PlayUnder(ctx)
	}
	if err != nil {
		return err
	}
	if o.json {
		err = printJSON(sh.Out, result)
	} else {
		err = story(sh.Out, result, o.verbose)
	}
	return errors.Join(err, proved(sh, result.Checks()))
}

// proved turns checks that failed into an error. That the machine was too slow
// is a warning: nothing was proved, and nothing refuted.
func proved(sh systems.Shell, checks []record.Check) error {
	var errs []error
	for _, c := range checks {
		switch c.Status {
		case record.Valid:
		case record.Undetermined:
			fmt.Fprintf(sh.Err, "warning: %s; give a longer --round-timeout\n", c.Detail)
		default:
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, c.Detail))
		}
	}
	return errors.Join(errs...)
}

// summary is what run prints with --json. Scripts rely on the names.
type summary struct {
	N                int               `json:"n"`
	T                int               `json:"t"`
	Order            string            `json:"order"`
	Commander        int               `json:"commander"`
	Traitors         []int             `json:"traitors"`
	Adversary        string            `json:"adversary"`
	Algorithm        string            `json:"algorithm"`
	Decisions        map[string]string `json:"decisions"` // of every loyal general
	Decision         string            `json:"decision"`  // attack, retreat or none
	Agreement        bool              `json:"agreement"`
	Validity         bool              `json:"validity"`
	MessagesPerRound []int64           `json:"messages_per_round"` // values carried; none when paths were pruned
	PhysicalMessages int64             `json:"physical_messages"`  // batches; none when nothing was sent
	Guaranteed       bool              `json:"guaranteed"`
	Lost             []int             `json:"lost,omitempty"` // whose processes ended
	Initial          []string          `json:"initial,omitempty"`
	Vector           []string          `json:"vector,omitempty"` // interactive: what all loyal generals hold, if they agree
}

func newSummary(o *play.Outcome) summary {
	v := o.Verdict()
	s := summary{
		N: o.N, T: o.T, Order: o.Order.String(), Commander: o.Commander,
		Traitors: slices.AppendSeq([]int{}, o.Traitors.All()), Lost: slices.Collect(o.Lost.All()),
		Adversary: o.Adversary.Name, Algorithm: o.Algorithm.Name,
		Decisions: make(map[string]string), Decision: "none",
		Agreement: v.Agreement, Validity: v.Validity,
		MessagesPerRound: append([]int64{}, o.Messages...), PhysicalMessages: o.Physical,
		Guaranteed: o.Guaranteed(), Initial: words(o.Initial),
	}
	for id := range o.Judged().Loyal().All() {
		s.Decisions[strconv.Itoa(id)] = o.Decisions[id].Value.String()
		if v.Agreement {
			s.Decision = v.Decision.String()
			s.Vector = words(o.Decisions[id].Vector)
		}
	}
	return s
}

func words(values []general.Value) []string {
	var out []string
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}

func printJSON(w io.Writer, o *play.Outcome) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(newSummary(o))
}
