package byzantine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
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

// searchOptions are the flags of search.
type searchOptions struct {
	n, t  int
	how   string
	limit int
	seed  uint64
	knobs systems.Values
}

func searchCommand() systems.Command {
	return systems.Command{
		Name:    "search",
		Summary: "looks for traitors that break agreement or validity, and tells the run in which they did",
		Example: "dyno byzantine search --n 3 --t 1 --adversary exhaustive\n" +
			"dyno byzantine search --n 6 --t 2 --adversary random\n" +
			"dyno byzantine search --n 3 --t 1 --algorithm sm --adversary exhaustive",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := new(searchOptions)
			fs.StringVar(&o.how, "adversary", "random", "random: traitors and their words are drawn; exhaustive: everything they can say is tried")
			fs.IntVar(&o.limit, "limit", 100_000, "most runs that are played")
			fs.Uint64Var(&o.seed, "seed", 1, "all random choices come from it")
			o.knobs = play.Knobs.Bind(fs, play.KnobN, play.KnobT, play.KnobAlgorithm)
			return o.run
		},
	}
}

func (o *searchOptions) run(ctx context.Context, sh systems.Shell) error {
	b, err := o.play()
	if err != nil {
		return err
	}
	type answer struct {
		find council.Find
		err  error
	}
	done := make(chan answer, 1)
	go func() { // ends by itself: runs are limited
		find, err := o.hunt(ctx, b.Plan)
		done <- answer{find, err}
	}()
	select {
	case a := <-done:
		if err := errors.Join(a.err, ctx.Err()); err != nil {
			return err
		}
		return o.tell(sh, b, a.find)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *searchOptions) play() (play.Run, error) {
	o.n, o.t = o.knobs.Int(play.KnobN), o.knobs.Int(play.KnobT)
	if err := play.CheckSize(o.n, o.t); err != nil {
		return play.Run{}, err
	}
	if o.how != "random" && o.how != "exhaustive" {
		return play.Run{}, systems.Usagef("--adversary %w", &systems.ChoiceError{Word: o.how, Allowed: []string{"random", "exhaustive"}})
	}
	if o.limit < 1 {
		return play.Run{}, systems.Usagef("--limit %d: give at least 1 run", o.limit)
	}
	b := play.New(o.knobs, o.seed)
	b.Heard, b.Resolver = true, play.ResolveMessages
	b.Adversary = adversary.Adversary{Name: o.how, Summary: "says what the search has found"}
	return b, b.Settle(false)
}

// hunt looks for a run that breaks.
func (o *searchOptions) hunt(ctx context.Context, p council.Plan) (council.Find, error) {
	h := council.Hunt{Plan: p, Limit: o.limit, Stop: func() bool { return ctx.Err() != nil }}
	if o.how == "exhaustive" {
		if _, ok := h.Choices(); !ok {
			return council.Find{},
				systems.Usagef("--n %d --t %d: everything that traitors can say is more than %d runs; give --adversary random, or a larger --limit",
					o.n, o.t, o.limit)
		}
		return h.Exhaustive()
	}
	coin, _ := adversary.LookUp("random")
	return h.Random(rand.New(rand.NewPCG(o.seed, play.StreamSearch)).Uint64, coin.New), nil
}

// tell says what was found; a run that breaks what is guaranteed is an error.
func (o *searchOptions) tell(sh systems.Shell, b play.Run, f council.Find) error {
	if !f.Broken {
		why := "It is not guaranteed that there is none"
		if b.Guaranteed() {
			why = "There can be none"
		}
		_, err := fmt.Fprintf(sh.Out, "No adversary breaks agreement or validity in %d runs (%s search, seed %d).\n%s: %s.\n", f.Runs, o.how,
			o.seed, why, b.Condition())
		return err
	}
	fmt.Fprintf(sh.Out, "Broken in run %d of the %s search (seed %d). This is how:\n\n", f.Runs, o.how, o.seed)
	b.Plan = f.Plan
	result := b.Play()
	return errors.Join(story(sh.Out, result, true), proved(sh, result.Checks()))
}
