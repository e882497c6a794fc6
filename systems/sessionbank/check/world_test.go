package check

import (
	"fmt"
	"strings"
	"time"

	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

// Customers who move between branches, in the simulator: core and journal are
// those of the real branches.
const (
	simBranches = 3
	simSessions = 3
	simUntil    = 150 * time.Millisecond // customers ask until then
	simBound    = 15 * time.Millisecond  // a request waits for so long
	simTimeout  = 25 * time.Millisecond  // a customer waits for so long
)

// world is what runs.
type world struct {
	guarantees token.Guarantees
	kind       token.Kind
	flaw       bank.Flaw
	replica    replica.Flaw
	hasty      bool           // the host sends before what it rests on is durable
	lag        sim.Delay      // between branches
	count      func(*History) // sees each history
}

// attempt is a request on its way, reply its answer; id is the customer's.
type attempt struct {
	id    uint64
	token []byte
	bank.Request
}

type reply struct {
	id    uint64
	token []byte
	bank.Answer
}

func (s world) scenario(w *sim.World) error {
	cores := make([]*bank.Core, simBranches)
	h := History{Initial: 20, Guarantees: s.guarantees, Settled: true}
	for i := range simBranches {
		w.Add(fmt.Sprint("b", i+1), s.branch(w, &cores[i], replica.ID(i+1)).Node)
	}
	for i := range simSessions {
		id := w.Add(fmt.Sprint("c", i+1), func() sim.Node { return &customer{world: s, w: w, history: &h} })
		for b := range sim.ID(simBranches) {
			near := sim.Link{Delay: sim.Delay{Base: time.Millisecond}, Drop: 0.03}
			w.SetLink(id, b, near)
			w.SetLink(b, id, near)
		}
	}
	if err := w.RunUntil(simUntil); err != nil {
		return err
	}
	w.EndFaults()
	if err := w.RunUntil(simUntil + 300*time.Millisecond); err != nil {
		return err
	}
	for i, c := range cores {
		balance, _ := c.Balance()
		h.Branches = append(h.Branches, Branch{replica.ID(i + 1), c.Log(), balance})
	}
	if s.count != nil {
		s.count(&h)
	}
	if v := h.Judge(); v.Status != record.Valid {
		return fmt.Errorf("%s", strings.Join(v.Reasons(), "; "))
	}
	return nil
}

func (s world) branch(w *sim.World, core **bank.Core, id replica.ID) simhost.Host[bank.Input, bank.Output] {
	cfg := bank.Config{Replica: replica.Config{Self: id, Retry: 20 * time.Millisecond, Batch: 8, Flaw: s.replica}, Balance: 20, Flaw: s.flaw}
	for peer := range replica.ID(simBranches) {
		if peer+1 != id {
			cfg.Replica.Peers = append(cfg.Replica.Peers, peer+1)
		}
	}
	return simhost.Host[bank.Input, bank.Output]{
		Hasty: s.hasty, Down: sim.Delay{Base: 5 * time.Millisecond},
		Core: func() node.Core[bank.Input, bank.Output] {
			w.Sometimes("a branch lives again", *core != nil)
			*core = bank.New(cfg)
			return *core
		},
		Receive: func(_ *sim.Env, from sim.ID, msg any) []bank.Input {
			a, ok := msg.(attempt)
			if !ok {
				return []bank.Input{msg}
			}
			r := a.Request
			r.Token, _ = token.Parse(s.kind, a.token)
			r.Call = uint64(from)<<32 | a.id
			return []bank.Input{r}
		},
		Send: func(env *sim.Env, out bank.Output) {
			switch out := out.(type) {
			case bank.Message:
				env.Send(sim.ID(out.To-1), out)
			case bank.Answer:
				env.Send(sim.ID(out.Call>>32), reply{out.Call & (1<<32 - 1), out.Token.Append(nil), out})
			case bank.Lost:
				env.Fail(out.Err)
			}
		},
	}
}

// customer is a session: one operation after the other, at any branch.
type customer struct {
	world   world
	w       *sim.World
	history *History
	env     *sim.Env
	token   []byte
	number  uint64
	op      Op
	at      sim.ID
	id      uint64 // of the attempt
	tries   int
	lost    bool // an attempt was not answered
	timer   sim.TimerID
}

func (c *customer) Init(env *sim.Env) {
	c.env = env
	c.next()
}

// next begins another operation.
func (c *customer) next() {
	r := c.env.Rand()
	c.op = Op{Session: fmt.Sprint("c", c.env.ID()), Kind: bank.Query, Begin: int64(c.env.Now()), Outcome: record.Unknown}
	if n := r.IntN(20); n < 12 {
		c.number++
		c.op.Number = c.number
		c.op.Kind, c.op.Amount = bank.Deposit, r.Int64N(9)+1
		if n < 5 {
			c.op.Kind, c.op.Amount = bank.Withdraw, r.Int64N(30)+1
		}
	}
	c.at, c.tries, c.lost = sim.ID(r.IntN(simBranches)), 0, false
	c.try()
}

func (c *customer) try() {
	c.tries++
	c.id++
	q := bank.Request{
		Kind: c.op.Kind, Name: bank.Name{Session: c.op.Session, Number: c.op.Number}, Amount: c.op.Amount, Elsewhere: c.lost,
		Guarantees: c.world.guarantees, Wait: simBound,
	}
	c.env.Send(c.at, attempt{c.id, c.token, q})
	c.timer = c.env.SetTimer(simTimeout, c.id)
}

// Timer gives an attempt up, or begins the next operation.
func (c *customer) Timer(tag uint64) {
	switch {
	case tag == 0:
		c.next()
	case tag == c.id:
		c.lost = true
		c.again()
	}
}

// again tries once more, perhaps elsewhere, or gives the operation up.
func (c *customer) again() {
	if c.tries == 3 || c.op.Kind == bank.Query {
		c.end(map[bool]record.Outcome{true: record.Unknown, false: record.Failed}[c.lost])
		return
	}
	if c.env.Rand().IntN(2) == 0 {
		c.at = sim.ID(c.env.Rand().IntN(simBranches))
	}
	c.try()
}

func (c *customer) end(outcome record.Outcome) {
	c.op.Outcome, c.op.End = outcome, int64(c.env.Now())
	c.history.Ops = append(c.history.Ops, c.op)
	c.id++
	if c.env.Now() < simUntil {
		c.env.SetTimer(time.Millisecond*time.Duration(c.env.Rand().IntN(8)), 0)
	}
}

func (c *customer) Receive(_ sim.ID, msg any) {
	a := msg.(reply)
	if a.id != c.id {
		return // too late
	}
	c.env.Cancel(c.timer)
	c.w.Sometimes("a request waited", a.Waited > 0 && a.Outcome == bank.Done)
	c.w.Sometimes("a branch lagged for too long", a.Outcome == bank.Lagging)
	c.w.Sometimes("a refusal was not the last word", a.Outcome == bank.Unsure)
	c.w.Sometimes("a retry was known", a.Again && a.Outcome == bank.Done)
	c.op.Seen, c.op.Again = a.Seen, a.Again
	switch a.Outcome {
	case bank.Done:
		c.op.Origin, c.op.Seq, c.op.Balance = a.Origin, a.Seq, a.Balance
		c.token = a.token
		c.end(record.OK)
	case bank.Refused:
		c.token = a.token
		c.end(record.Refused)
	default:
		c.op.Seen = nil
		c.again()
	}
}
