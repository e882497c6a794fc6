package sessionbank

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"dyno/internal/atomicfile"
	"dyno/internal/backoff"
	"dyno/internal/branches"
	"dyno/internal/branches/group"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
	"dyno/systems/sessionbank/customer"
	"dyno/systems/sessionbank/trial"
)

const (
	giveUp         = 30 * time.Second // on one event
	attemptTimeout = 10 * time.Second
)

// runOptions are the flags of the command run.
type runOptions struct {
	output, format, cut string
	inProcess, verbose  bool
	ports               int
	knobs               systems.Values
}

// formats are the shapes of the output; auto is the one that goes with how the
// input names a branch.
var formats = systems.Choice{"auto", string(branches.Balance), string(branches.Recv)}

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Starts:  true,
		Args:    "INPUT.json",
		Summary: "plays the customers of a file, who move between branches that it starts, and prints what they were told",
		Example: "dyno sessionbank run input.json\n" +
			"dyno sessionbank run input.json --output output.json --guarantees ryw,mw --token writeset -v\n" +
			"dyno sessionbank run input.json --guarantees none --delay 200ms\n" +
			"dyno sessionbank run input.json --cut 1-2@500ms --in-process",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &runOptions{knobs: trial.Knobs.Bind(fs, trial.KnobGuarantees, trial.KnobToken, trial.KnobDelay)}
			fs.StringVar(&o.output, "output", "", "`FILE` to write to; empty: standard output")
			fs.StringVar(&o.cut, "cut", "",
				"cut two branches from each other, from the first event on and for as long as said: `A-B@D`, or several with commas")
			fs.StringVar(&o.format, "format", formats[0],
				"balance: each customer's last query; recv: every event with its branch; auto: as the input says dest or branch")
			fs.BoolVar(&o.inProcess, "in-process", false, "all branches in this process instead of one each")
			fs.IntVar(&o.ports, "ports-from", 0, "branch ID listens on `PORT` + ID; 0: the system chooses")
			fs.BoolVar(&o.verbose, "v", false, "tell on standard error what happens, each line checked")
			return o.run
		},
	}
}

// plan is what is to be run, checked before anything is started.
type plan struct {
	input branches.Input
	spec  group.Spec
	cuts  []cut
	ask   customer.Options
}

func (o *runOptions) check(args []string) (p plan, err error) {
	if len(args) != 1 {
		return p, systems.Usagef("give one INPUT.json, not %d", len(args))
	}
	if _, err := formats.Parse(o.format); err != nil {
		return p, systems.Usagef("--format %w", err)
	}
	if o.output != "" {
		if folder, err := os.Stat(filepath.Dir(o.output)); err != nil || !folder.IsDir() {
			return p, systems.Usagef("--output %s: there is no folder %s", o.output, filepath.Dir(o.output))
		}
	}
	f, err := os.Open(args[0])
	if err != nil {
		return p, &systems.UsageError{Err: err}
	}
	defer f.Close()
	if p.input, err = branches.Read(f); err != nil {
		return p, systems.Usagef("%s: %w", args[0], err)
	}
	p.spec = group.Spec{Role: "branch", Ports: o.ports}
	for _, b := range p.input.Branches {
		p.spec.IDs, p.spec.Balance = append(p.spec.IDs, replica.ID(b.ID)), b.Balance
	}
	if p.cuts, err = parseCuts(o.cut, p.spec.IDs); err != nil {
		return p, err
	}
	if n := len(p.spec.IDs); o.linked() && n > 32 {
		return p, systems.Usagef("--delay and --cut make a link of each pair: %d branches are too many, 32 the most", n)
	}
	p.ask = customer.Options{Timeout: attemptTimeout, Attempts: 3, Clock: clock()}
	p.ask.Guarantees, _ = token.ParseGuarantees(o.knobs.Text(trial.KnobGuarantees)) // checked by the flag
	p.ask.Kind, _ = token.ParseKind(o.knobs.Text(trial.KnobToken))
	return p, p.spec.Check()
}

// linked reports whether there are links that something happens to.
func (o *runOptions) linked() bool { return o.cut != "" || o.knobs.Duration(trial.KnobDelay) > 0 }

func clock() func() int64 {
	began := time.Now()
	return func() int64 { return int64(time.Since(began)) }
}

func (o *runOptions) run(ctx context.Context, sh systems.Shell) (err error) {
	p, err := o.check(sh.Args)
	if err != nil {
		return err
	}
	ctx, bank, err := o.open(ctx, sh, p.spec)
	if err != nil {
		return err
	}
	defer func() {
		if bank != nil {
			err = errors.Join(err, bank.close())
		}
	}()
	told, err := o.play(ctx, sh, p, bank)
	if err != nil {
		return err
	}
	err, bank = bank.close(), nil
	if err != nil {
		return err
	}
	return o.write(sh.Out, p.input, told)
}

func (o *runOptions) write(w io.Writer, in branches.Input, told []branches.Told) error {
	format := branches.Visits
	if o.format == string(branches.Balance) || o.format == "auto" && in.Target == "dest" {
		format = branches.Balance
	}
	if o.output == "" {
		return branches.Write(w, format, false, told)
	}
	var text bytes.Buffer
	if err := branches.Write(&text, format, false, told); err != nil {
		return err
	}
	return atomicfile.Write(o.output, text.Bytes())
}

// kinds are those of files, for branches.
var kinds = map[branches.Kind]bank.Kind{branches.Query: bank.Query, branches.Deposit: bank.Deposit, branches.Withdraw: bank.Withdraw}

// play lets the customers do what the file says, one after the other. A customer
// of several records goes on with the same session.
func (o *runOptions) play(ctx context.Context, sh systems.Shell, p plan, b *opened) (told []branches.Told, err error) {
	s := newStory(sh.Err, o.verbose, p, b)
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	heal, err := b.cut(p.cuts)
	if err != nil {
		return nil, err
	}
	defer heal()
	sessions := make(map[int64]*customer.Session)
	at := make(map[int64]int)
	for i, id := range p.spec.IDs {
		at[int64(id)] = i
	}
	for _, c := range p.input.Customers {
		if sessions[c.ID] == nil {
			sessions[c.ID] = customer.New(strconv.FormatInt(c.ID, 10), b.clients, p.ask)
		}
		t := branches.Told{Customer: c.ID}
		for _, e := range c.Events {
			if err := s.asks(c.ID, e); err != nil {
				return nil, err
			}
			op := insist(ctx, sessions[c.ID], e, at[e.Branch])
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err := s.event(ctx, op, e); err != nil {
				return nil, err
			}
			t.Answers = append(t.Answers, answer(op, e))
		}
		told = append(told, t)
	}
	return told, s.end(ctx)
}

// insist asks until the branch has caught up.
func insist(ctx context.Context, s *customer.Session, e branches.Event, at int) customer.Told {
	until := time.Now().Add(giveUp)
	for {
		op := s.Do(ctx, kinds[e.Kind], e.Amount, at)
		if rpc.KindOf(op.Err) != rpc.Unavailable || time.Now().After(until) || backoff.Sleep(ctx, rpc.RetryAfterOf(op.Err)) != nil {
			return op
		}
	}
}

func answer(op customer.Told, e branches.Event) branches.Answer {
	a := branches.Answer{Kind: e.Kind, Branch: e.Branch, Balance: op.Balance}
	if op.Err != nil {
		a.Refused = fmt.Sprintf("%v: %v", op.Outcome, op.Err)
	} else if op.Seq == 0 && e.Kind != branches.Query {
		a.Refused = "insufficient funds"
	}
	return a
}
