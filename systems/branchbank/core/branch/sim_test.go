package branch_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/bench/fault"
	"dyno/bench/history"
	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/internal/record"
	"dyno/systems/branchbank/check"
	"dyno/systems/branchbank/core/branch"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "play this one seed of the simulated branches and show its faults and its trace")
	simSeeds = flag.Int("sim.seeds", 600, "how many schedules to try")
)

const (
	ms = time.Millisecond

	simBranches = 3
	simInitial  = 30
	simLoad     = 60 * ms // customers ask until then
	simQuiet    = 400 * ms
)

// bank is a world: branches, a customer at each, and what came of it.
type bank struct {
	*sim.World
	flaw      branch.Flaw
	hasty     bool
	mode      branch.Mode
	funds     branch.Funds
	cores     []*branch.Branch
	states    []check.Branch // what the journals hold
	wrong     error
	snapshots map[string][]check.Applied // what a snapshot stands for
	ops       []history.BankOp
}

// watched notes what a life finds in its journal, and looks at the core after
// each step.
type watched struct {
	*branch.Branch
	bank *bank
	at   int
}

func (w watched) Recover(record []byte) error {
	if err := w.bank.states[w.at].Journal(record); err != nil {
		return err
	}
	return w.Branch.Recover(record)
}

// note keeps what a life writes: a snapshot may take its place.
func (w watched) note(e node.Effects[branch.Output]) node.Effects[branch.Output] {
	for _, record := range e.Write {
		if err := w.bank.states[w.at].Journal(record); err != nil && w.bank.wrong == nil {
			w.bank.wrong = err
		}
	}
	return e
}

func (w watched) Snapshot() []byte {
	text := w.Branch.Snapshot()
	w.bank.snapshots[string(text)] = slices.Clone(w.bank.states[w.at].Log)
	return text
}

func (w watched) Restore(records uint64, snapshot []byte) error {
	w.bank.states[w.at].Log = slices.Clone(w.bank.snapshots[string(snapshot)])
	return w.Branch.Restore(records, snapshot)
}

func (w watched) Begin(now time.Duration) node.Effects[branch.Output] {
	return w.note(w.Branch.Begin(now))
}

func (w watched) Wake(now time.Duration) node.Effects[branch.Output] {
	return w.note(w.Branch.Wake(now))
}

func (w watched) Step(now time.Duration, in branch.Input) node.Effects[branch.Output] {
	e := w.note(w.Branch.Step(now, in))
	if err := w.Unbalanced(); err != nil && w.bank.wrong == nil {
		w.bank.wrong = err
	}
	return e
}

// question and its answer, between a customer and a branch.
type question struct {
	op  int // index into bank.ops
	ask branch.Ask
}

func (b *bank) host(i int) simhost.Host[branch.Input, branch.Output] {
	cfg := branch.Config{
		Self: branch.ID(i + 1), Balance: simInitial, Mode: b.mode, Funds: b.funds, Retry: 5 * ms, Patience: 20 * ms, Gather: 2 * ms,
		Flaw: b.flaw,
	}
	for j := range simBranches {
		if j != i {
			cfg.Peers = append(cfg.Peers, branch.ID(j+1))
		}
	}
	return simhost.Host[branch.Input, branch.Output]{
		Hasty: b.hasty, Down: sim.Delay{Base: 5 * ms}, Compact: b.Seed() / 6 % 3 * 10,
		Core: func() node.Core[branch.Input, branch.Output] {
			b.cores[i], b.states[i] = branch.New(cfg), check.Branch{ID: cfg.Self}
			return watched{b.cores[i], b, i}
		},
		Receive: func(_ *sim.Env, _ sim.ID, msg any) []branch.Input {
			if q, ok := msg.(question); ok {
				return []branch.Input{q.ask}
			}
			return []branch.Input{msg.(branch.Message)}
		},
		Send: func(env *sim.Env, out branch.Output) {
			switch out := out.(type) {
			case branch.Message:
				env.Send(sim.ID(out.To-1), out)
			case branch.Answer:
				env.Send(sim.ID(simBranches+i), out)
			case branch.Fatal:
				b.wrong = out.Err
			}
		},
	}
}

// customer asks one thing after another of its branch, each until it is
// answered.
type customer struct {
	bank *bank
	env  *sim.Env
	at   int
	op   int // under way: index into bank.ops
	ask  branch.Ask
	made int
}

func (c *customer) Init(env *sim.Env) { c.env = env; c.next() }

func (c *customer) next() {
	if c.env.Now() >= simLoad {
		c.op = -1
		return
	}
	c.made++
	c.ask = branch.Ask{Kind: branch.Query, Request: fmt.Sprintf("c%d-%d", c.at, c.made), Amount: 1 + int64(c.env.Rand().IntN(20))}
	in := history.BankInput{Kind: history.Query}
	switch p := c.env.Rand().IntN(8); {
	case p < 2:
		c.ask.Kind, in.Kind = branch.Deposit, history.Deposit
	case p < 6:
		c.ask.Kind, in.Kind = branch.Withdraw, history.Withdraw
	}
	if in.Kind != history.Query {
		in.Amount, in.Request = c.ask.Amount, c.ask.Request
	}
	c.op = len(c.bank.ops)
	c.ask.Call = uint64(c.op)
	c.bank.ops = append(c.bank.ops, history.BankOp{
		Client: int32(c.at), Seq: int32(c.made), Begin: int64(c.env.Now()), End: history.Never, Outcome: record.Unknown, Input: in,
	})
	c.Timer(uint64(c.op))
}

func (c *customer) Timer(op uint64) {
	if int(op) == c.op {
		c.env.Send(sim.ID(c.at), question{c.op, c.ask})
		c.env.SetTimer(15*ms, op)
	}
}

func (c *customer) Receive(_ sim.ID, msg any) {
	a := msg.(branch.Answer)
	if int(a.Call) != c.op {
		return
	}
	op := &c.bank.ops[c.op]
	op.End, op.Output = int64(c.env.Now()), history.BankOutput{Balance: a.Balance, Shown: true, Order: history.NoOrder}
	switch a.Status {
	case branch.Done:
		op.Outcome = record.OK
	case branch.Declined:
		op.Outcome = record.Refused
	default:
		op.Outcome = record.Failed
	}
	if c.env.Rand().IntN(4) == 0 && op.Input.Kind != history.Query { // asked again although it was answered
		again := c.ask
		again.Call = 1 << 60
		c.env.Send(sim.ID(c.at), question{c.op, again})
	}
	c.next()
}

const (
	overdrawn = "an optimistic balance below 0"
	gifts     = "a withdrawal from rights that were given"
	waits     = "a write that waits for one before it"
	lives     = "a life with writes behind it"
)

func scenario(flaw branch.Flaw, hasty bool) sim.Scenario {
	return func(w *sim.World) error {
		b := &bank{
			World: w, flaw: flaw, hasty: hasty, cores: make([]*branch.Branch, simBranches), states: make([]check.Branch, simBranches),
			snapshots: make(map[string][]check.Applied),
			mode:      branch.Mode(branch.Modes[w.Seed()%3]), funds: branch.Funds(branch.AllFunds[w.Seed()/3%2]),
		}
		for i := range simBranches {
			h := b.host(i)
			w.Add(fmt.Sprintf("s%d", i+1), h.Node)
		}
		for i := range simBranches {
			w.Add(fmt.Sprintf("c%d", i+1), func() sim.Node { return &customer{bank: b, at: i} })
		}
		return b.play()
	}
}

// play lets the load run, the faults end and the branches agree; then all of them
// crash, so that what they know is what they wrote down.
func (b *bank) play() error {
	if err := b.RunUntil(simLoad); err != nil {
		return err
	}
	b.EndFaults()
	if err := b.RunUntil(b.Now() + simQuiet); err != nil {
		return err
	}
	var held []branch.View
	for i, c := range b.cores {
		v := c.View()
		held = append(held, v)
		b.states[i].Negative = v.Counts.Negative
		b.Sometimes(overdrawn, b.funds == branch.Optimistic && v.Counts.Negative > 0)
		b.Sometimes(gifts, v.Counts.Given > 0)
		b.Sometimes(waits, v.Replica.Waited > 0)
		b.Sometimes(lives, len(b.states[i].Log) > 3)
	}
	negative := make([]uint64, simBranches)
	for i := range b.states {
		negative[i] = b.states[i].Negative
		if err := b.Inject(sim.Fault{At: b.Now(), Kind: fault.Crash, Node: b.Name(sim.ID(i)), For: ms}); err != nil {
			return err
		}
	}
	if err := b.RunUntil(b.Now() + 30*ms); err != nil {
		return err
	}
	return b.judge(held, negative)
}

func (b *bank) judge(held []branch.View, negative []uint64) error {
	if b.wrong != nil {
		return b.wrong
	}
	h := check.History{Mode: b.mode, Funds: b.funds, Initial: simInitial, Ops: b.ops}
	for i, c := range b.cores {
		v := c.View()
		if v.Digest != held[i].Digest {
			return fmt.Errorf("branch %d holds %+v, and after a crash %+v", i+1, held[i], v)
		}
		s := &b.states[i]
		s.Balance, s.External, s.Digest, s.Negative, s.Rights = v.Balance, v.External, v.Digest, negative[i], make(map[int32]int64)
		for id, r := range v.Rights {
			s.Rights[int32(id)] = r
		}
		h.Branches = append(h.Branches, *s)
	}
	if v := record.Judge(h.Judge()...); v.Status != record.Valid {
		return errors.New(strings.Join(v.Reasons(), "; "))
	}
	return nil
}

func hunt(flaw branch.Flaw, hasty bool, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: scenario(flaw, hasty), Seeds: seeds, First: 1, ShrinkRuns: 50,
		Config: sim.Config{Network: sim.Link{Delay: sim.Delay{Base: ms, Tail: ms / 2}}, Sync: sim.Delay{Base: ms / 4, Tail: ms / 4}},
		Profile: sim.Profile{
			Nodes: []string{"s1", "s2", "s3"}, Until: 80 * ms, Torn: 0.5, Swarm: true,
			Kinds: []sim.Kind{fault.Kill, fault.Crash, fault.Pause, fault.Cut, fault.Drop, fault.Duplicate, sim.Delayed},
		},
		Replay: func(seed uint64) string {
			return fmt.Sprintf("go test ./systems/branchbank/core/branch -run TestHunt -v -sim.seed %d", seed)
		},
	}
}

// Nothing is found, whatever is done to branches and links.
func TestHunt(t *testing.T) {
	h := hunt(branch.Sound, false, *simSeeds)
	if *simSeed != 0 {
		out := h.Try(*simSeed)
		t.Logf("%v\n%s\n%s", out.Err, out.Faults, out.Trace)
		return
	}
	if n, err := strconv.Atoi(os.Getenv("DYNO_SEEDS")); err == nil {
		h.Seeds = n
	}
	h.Sometimes = []string{overdrawn, gifts, waits, lives, simhost.Compacted}
	s, err := h.Sweep(t.Context())
	if err != nil || s.Failure != nil {
		t.Fatalf("%v %v", err, s)
	}
	t.Log(s)
}

// Every flaw is found, and so are a host that does not wait for the disk, and a
// disk that lies.
func TestMutants(t *testing.T) {
	for _, flaw := range branch.Flaws() {
		f, err := hunt(flaw, false, 600).Run(t.Context())
		if err != nil || f == nil {
			t.Errorf("%s: found nothing: %v", flaw, err)
			continue
		}
		t.Logf("%s: seed %d: %v", flaw, f.Seed, f.Shrunk.Err)
	}
	if f, err := hunt(branch.Sound, true, 600).Run(t.Context()); err != nil || f == nil {
		t.Errorf("a host that sends before it remembers: %v", err)
	}
	if _, err := hunt(branch.Sound, false, 150).Weaken(t.Context(), simhost.ForOpen); err != nil {
		t.Error(err)
	}
}

func BenchmarkHuntedWorlds(b *testing.B) {
	h := hunt(branch.Sound, false, 1)
	events := uint64(0)
	for seed := uint64(1); b.Loop(); seed++ {
		faults, err := sim.Generate(seed, h.Profile)
		if err != nil {
			b.Fatal(err)
		}
		cfg := h.Config
		cfg.Seed, cfg.Faults = seed, faults
		out := sim.Run(cfg, h.Scenario)
		if out.Err != nil {
			b.Fatal(out.Err)
		}
		events += out.Stats.Events
	}
	b.ReportMetric(float64(events)/float64(b.N), "events/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "seeds/s")
}
