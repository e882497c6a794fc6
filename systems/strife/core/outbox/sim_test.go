package outbox_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/bench/fault"
	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/systems/strife/core/outbox"
)

// seeds is how many TestHunt tries; `make soak` asks for many.
func seeds() int {
	if n, err := strconv.Atoi(os.Getenv("DYNO_SEEDS")); err == nil {
		return n
	}
	return 150
}

const ms = time.Millisecond

// Nodes of the world. The gateway's memory is shorter than in life, so that
// outages outlast it.
const (
	client sim.ID = iota
	gateway
	user

	load    = 2 * time.Second // while the user pays, and faults strike
	maxAge  = 500 * ms        // no message is on its way for longer than from here to there
	forgets = 900 * ms
)

// book is what happened, beyond the reach of faults.
type book struct {
	asked   map[string]outbox.Payment
	kept    map[string]bool           // the user was told that it is in the queue until its end
	told    map[string]outbox.Outcome // the user was told of its end
	applied map[string][]string       // by account: keys of payments that happened, in order
}

func world(mutant outbox.Mutant, hasty bool) sim.Scenario {
	return func(w *sim.World) error {
		b := &book{asked: map[string]outbox.Payment{}, kept: map[string]bool{}, told: map[string]outbox.Outcome{}, applied: map[string][]string{}}
		var queue *outbox.Outbox
		h := simhost.Host[outbox.Input, outbox.Output]{
			Hasty: hasty, Down: sim.Delay{Base: 5 * ms}, Compact: w.Seed() % 3 * 50,
			Core: func() node.Core[outbox.Input, outbox.Output] {
				queue = outbox.New(outbox.Config{
					Seed: w.Seed(), Origin: 0, First: 10 * ms, Longest: 50 * ms, Timeout: 60 * ms,
					MaxAge: maxAge, Forgets: forgets, Mutant: mutant,
				})
				return queue
			},
			Receive: func(_ *sim.Env, _ sim.ID, msg any) []outbox.Input {
				if in, ok := msg.(outbox.Enqueue); ok && b.told[in.Payment.Key] != "" {
					return nil // late: a user who was told of the end does not ask again
				}
				return []outbox.Input{msg.(outbox.Input)}
			},
			Send: func(env *sim.Env, out outbox.Output) {
				if _, ok := out.(outbox.Attempt); ok {
					env.Send(gateway, out)
				} else {
					env.Send(user, out)
				}
			},
		}
		w.Add("client", func() sim.Node { return h.Node() })
		w.Add("gateway", func() sim.Node { return &fakeGateway{book: b, w: w, keys: map[string]known{}} })
		w.Add("user", func() sim.Node { return &payer{book: b, w: w, next: map[string]int{}} })
		if err := w.RunUntil(load + 2*forgets); err != nil {
			return err
		}
		w.EndFaults()
		for range 2 { // what nobody was told is told by the next life
			if err := w.Inject(sim.Fault{At: w.Now(), Kind: fault.Kill, Node: "client", For: ms}); err != nil {
				return err
			}
			if err := w.RunUntil(w.Now() + 2*forgets); err != nil {
				return err
			}
		}
		if n := len(queue.Items()); n > 0 && mutant == outbox.None {
			return fmt.Errorf("%d payments are still in the queue: %+v", n, queue.Items())
		}
		return b.judge()
	}
}

// judge: what the user was told is what happened, at most once, in order.
func (b *book) judge() error {
	times := map[string]int{}
	for _, from := range accounts {
		last := 0
		for _, key := range b.applied[from] {
			key = strings.TrimRight(key, "+")
			times[key]++
			if o := b.told[key]; o == outbox.Aborted || o == outbox.Refused || o == outbox.Forgotten { // given back to the user
				continue
			}
			n := int(b.asked[key].Minor)
			if n < last {
				return fmt.Errorf("account %s: payment %d happened after %d", from, n, last)
			}
			last = n
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.asked)) {
		if times[key] > 1 {
			return fmt.Errorf("payment %s happened %d times", key, times[key])
		}
		outcome, told := b.told[key]
		switch {
		case b.kept[key] && !told:
			return fmt.Errorf("payment %s was in the queue, and the user was not told of its end", key)
		case outcome == outbox.Paid && times[key] == 0:
			return fmt.Errorf("payment %s is told as paid and did not happen", key)
		case (outcome == outbox.Declined || outcome == outbox.Cancelled) && times[key] > 0:
			return fmt.Errorf("payment %s is told as %s and happened", key, outcome)
		}
	}
	return nil
}

// fakeGateway does each key once, as far as it remembers; sometimes it is slow
// or an attempt comes to nothing.
type fakeGateway struct {
	book  *book
	w     *sim.World
	env   *sim.Env
	keys  map[string]known
	later map[uint64]outbox.Attempt
	tag   uint64
}

type known struct {
	payment outbox.Payment
	result  outbox.Result
	since   time.Duration
}

func (g *fakeGateway) Init(env *sim.Env) { g.env, g.later = env, map[uint64]outbox.Attempt{} }

func (g *fakeGateway) Receive(_ sim.ID, msg any) {
	g.tag++
	g.later[g.tag] = msg.(outbox.Attempt)
	wait := time.Duration(g.env.Rand().Int64N(int64(5 * ms)))
	if g.env.Rand().IntN(10) == 0 {
		wait *= 20
	}
	g.env.SetTimer(wait, g.tag)
}

func (g *fakeGateway) Timer(tag uint64) {
	a := g.later[tag]
	delete(g.later, tag)
	answer := outbox.Answer{Key: strings.TrimRight(a.Payment.Key, "+"), Number: a.Number, Verdict: outbox.Ended}
	k, ok := g.keys[a.Payment.Key]
	if ok && g.env.Now()-k.since > forgets {
		g.w.Sometimes("a key is forgotten", true)
		delete(g.keys, a.Payment.Key)
		ok = false
	}
	chance := g.env.Rand().IntN(100)
	switch {
	case ok && k.payment != a.Payment:
		answer.Result = outbox.Result{Outcome: outbox.Refused}
	case ok:
		g.w.Sometimes("a stored answer", true)
		answer.Result = k.result
		answer.Result.Replayed = true
	case a.Withdraw:
		g.w.Sometimes("withdrawn in time", true)
		answer.Result = g.decide(a.Payment, outbox.Cancelled)
	case chance < 20:
		answer.Verdict, answer.After = outbox.Failed, time.Duration(chance)*ms
	case chance < 25:
		answer.Verdict = outbox.Login
	case chance < 35:
		answer.Result = g.decide(a.Payment, outbox.Declined)
	default:
		answer.Result = g.decide(a.Payment, outbox.Paid)
		g.book.applied[a.Payment.From] = append(g.book.applied[a.Payment.From], a.Payment.Key)
	}
	g.env.Send(client, answer)
}

func (g *fakeGateway) decide(p outbox.Payment, o outbox.Outcome) outbox.Result {
	r := outbox.Result{Outcome: o, Payment: "p" + p.Key}
	g.keys[p.Key] = known{p, r, g.env.Now()}
	return r
}

// payer pays from three accounts, one payment after the other from each; some
// are to be tried once, some are given up.
type payer struct {
	book *book
	w    *sim.World
	env  *sim.Env
	next map[string]int
}

var accounts = []string{"alpha/1", "alpha/2", "beta/1"}

const tick = uint64(1 << 32)

func (u *payer) Init(env *sim.Env) {
	u.env = env
	u.Timer(tick)
	for i := range accounts {
		env.SetTimer(0, uint64(i))
	}
}

func (u *payer) rand() *rand.Rand { return u.env.Rand() }

func (u *payer) Timer(tag uint64) {
	if tag == tick {
		u.env.Send(client, outbox.Online{Up: u.env.Now() > load || u.rand().IntN(10) > 1})
		u.env.Send(client, outbox.LoggedIn{})
		u.env.SetTimer(30*ms, tick)
		return
	}
	from := accounts[tag]
	p := outbox.Payment{Key: fmt.Sprintf("%s-%d", from, u.next[from]), From: from, To: "beta/9", Minor: int64(u.next[from]), Currency: "EUR"}
	_, known := u.book.told[p.Key]
	switch {
	case u.next[from] == 0 || known || u.book.kept[p.Key] && u.rand().IntN(3) == 0:
		if u.env.Now() > load {
			return
		}
		u.next[from]++
		p.Key, p.Minor = fmt.Sprintf("%s-%d", from, u.next[from]), int64(u.next[from])
		u.book.asked[p.Key] = p
		u.env.Send(client, outbox.Enqueue{Payment: p, Once: u.rand().IntN(3) == 0})
	case !u.book.kept[p.Key]: // unanswered, or it was to be tried once
		u.env.Send(client, outbox.Enqueue{Payment: p})
	case u.rand().IntN(10) == 0:
		u.w.Sometimes("given up", true)
		u.env.Send(client, outbox.Cancel{Key: p.Key})
	}
	u.env.SetTimer(time.Duration(u.rand().Int64N(int64(60*ms))), tag)
}

func (u *payer) Receive(_ sim.ID, msg any) {
	switch m := msg.(type) {
	case outbox.Accepted:
		u.book.kept[m.Key] = u.book.kept[m.Key] || m.Kept
	case outbox.Notice:
		was, known := u.book.told[m.Payment.Key]
		if known && was != outbox.Aborted && was != outbox.Refused { // else it was asked for again
			u.env.Always("told once", was == m.Result.Outcome, "payment %s is told as %s and as %s", m.Payment.Key, was, m.Result.Outcome)
		}
		u.book.told[m.Payment.Key] = m.Result.Outcome
		u.w.Sometimes("told as "+string(m.Result.Outcome), true)
		u.env.Send(client, outbox.Told{ID: m.ID})
	}
}

func hunt(mutant outbox.Mutant, hasty bool, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: world(mutant, hasty), Seeds: seeds, First: 1, ShrinkRuns: 10,
		Config: sim.Config{Network: sim.Link{Delay: sim.Delay{Base: ms, Tail: ms}}, Sync: sim.Delay{Tail: 2 * ms}},
		Profile: sim.Profile{
			Nodes: []string{"client"}, Until: load, MaxFor: 1200 * ms, MaxDelay: 150 * ms, Torn: 0.5, Swarm: true,
			Kinds: []sim.Kind{fault.Kill, fault.Crash, fault.Crash, fault.Pause, fault.Cut, fault.Cut, fault.Drop, fault.Duplicate, fault.Delay},
		},
	}
}

func TestHunt(t *testing.T) {
	h := hunt(outbox.None, false, seeds())
	h.Sometimes = []string{"a stored answer", "withdrawn in time", "given up", "told as paid", "told as declined", "told as cancelled", "told as aborted", simhost.Compacted}
	s, err := h.Sweep(t.Context())
	if err != nil || s.Failure != nil {
		t.Fatalf("%v %v", err, s.Failure)
	}
	t.Log(s)
}

func TestMutants(t *testing.T) {
	for _, m := range outbox.Mutants {
		f, err := hunt(m, false, 300).Run(t.Context())
		if err != nil || f == nil {
			t.Errorf("%s: found nothing: %v", m, err)
			continue
		}
		t.Logf("%s: seed %d: %v", m, f.Seed, f.Shrunk.Err)
	}
	if f, err := hunt(outbox.None, true, 300).Run(t.Context()); err != nil || f == nil {
		t.Errorf("a queue that says queued before it is durable: found nothing: %v", err)
	}
	if _, err := hunt(outbox.None, false, 100).Weaken(t.Context(), simhost.ForOpen); err != nil {
		t.Error(err)
	}
}
