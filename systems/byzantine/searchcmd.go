package byzantine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"dyno/systems"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/play"
)

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
