package simulator

import (
	"fmt"
	"strings"
	"time"

	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/core/tx"
)

// owner pays through a queue that may die, and repeats what it knows no end of. It
// never dies itself.
type owner struct {
	w     *world
	env   *sim.Env
	id    sim.ID
	name  string
	queue sim.ID
	own   tx.Account

	asked []outbox.Payment
	told  map[string]outbox.Result
	began map[string]time.Duration // the first attempt
}

// walletPoints are those of a queue: of all records alike.
var walletPoints = points[outbox.Input, outbox.Output]{
	input: func(in outbox.Input) string {
		if _, ok := in.(outbox.Answer); ok {
			return "answer"
		}
		return ""
	},
	record: func([]byte) string { return "queue" },
	output: func(out outbox.Output) (rests, is string) {
		switch out.(type) {
		case outbox.Attempt:
			return "mark", "attempt"
		case outbox.Notice:
			return "end", "notice"
		}
		return "", ""
	},
}

var walletStrikes = []matrixPoint{
	{"C1", "after-mark"},      // what it is about to send is durable
	{"C2", "sent-attempt"},    // it has sent, and there is no answer
	{"C3", "received-answer"}, // there is one, and its end is not durable
	{"C3", "after-end"},       // it is durable, and the user was not told
	{"C4", "unsynced-queue"},  // the end of the journal is torn
}

func (w *world) addOwner(i int) {
	o := &owner{
		w: w, name: fmt.Sprintf("owner%d", i), told: map[string]outbox.Result{}, began: map[string]time.Duration{},
		own: tx.Account{Bank: bankName(i % w.shape.banks), Name: accountName(1)},
	}
	w.owners = append(w.owners, o)
	o.id = w.Add(o.name, func() sim.Node { return o })
	w.addQueue(o, fmt.Sprintf("queue%d", i), len(w.asking))
}

func (w *world) addQueue(o *owner, name string, number int) {
	w.logs[name] = &log{now: w.Now}
	var env *sim.Env
	var core *tapped[outbox.Input, outbox.Output]
	h := simhost.Host[outbox.Input, outbox.Output]{
		Hasty: w.mutant.hasty, Down: sim.Delay{Base: 5 * ms},
		Core: func() node.Core[outbox.Input, outbox.Output] {
			queue := outbox.New(outbox.Config{Seed: w.Seed(), First: 5 * ms, Longest: 50 * ms, Timeout: again})
			core = tap(w, name, queue, walletPoints, &env, func(outbox.Input) {})
			core.also = []outbox.Input{outbox.Online{Up: true}, outbox.LoggedIn{}}
			return core
		},
		Receive: func(_ *sim.Env, _ sim.ID, msg any) []outbox.Input {
			if r, ok := msg.(coordinator.Reply); ok {
				return []outbox.Input{o.answered(r)}
			}
			return []outbox.Input{msg.(outbox.Input)}
		},
		Send: func(env *sim.Env, out outbox.Output) {
			core.send(out, func(out outbox.Output) {
				if a, ok := out.(outbox.Attempt); ok {
					env.Send(w.ids["gateway"], o.attempt(uint64(number)<<32, a))
				} else {
					env.Send(o.id, out)
				}
			})
		},
	}
	o.queue = w.Add(name, func() sim.Node { return begun{h.Node(), &env, func() {}} })
	w.asking = append(w.asking, o.queue)
}

// attempt is what the gateway is asked for.
func (o *owner) attempt(requests uint64, a outbox.Attempt) coordinator.In {
	if _, known := o.began[a.Payment.Key]; !known {
		o.began[a.Payment.Key] = o.w.Now()
	}
	if a.Withdraw {
		return coordinator.Cancel{Request: requests | a.Number, User: o.name, Key: a.Payment.Key}
	}
	return coordinator.Pay{Request: requests | a.Number, User: o.name, Key: a.Payment.Key, Payment: paymentOf(a.Payment)}
}

func paymentOf(p outbox.Payment) tx.Payment {
	account := func(text string) tx.Account {
		bank, name, _ := strings.Cut(text, "/")
		return tx.Account{Bank: bank, Name: name}
	}
	return tx.Payment{From: account(p.From), To: account(p.To), Amount: money.Amount{Minor: p.Minor, Currency: eur}}
}

// answered says what the gateway's answer means to the queue.
func (o *owner) answered(r coordinator.Reply) outbox.Answer {
	o.w.calls = append(o.w.calls, check.Call{
		Kind: check.CallLookup, User: o.name, Key: r.Receipt.Key, Begin: o.began[r.Receipt.Key], End: o.w.Now(), Receipt: r.Receipt,
		Replayed: r.Replayed,
	})
	a := outbox.Answer{Key: r.Receipt.Key, Number: r.Request & (1<<32 - 1)}
	ends := map[coordinator.Status]outbox.Outcome{
		coordinator.Paid: outbox.Paid, coordinator.Declined: outbox.Declined, coordinator.Cancelled: outbox.Cancelled,
		coordinator.Invalid: outbox.Refused,
	}
	if outcome, final := ends[r.Receipt.Status]; final {
		a.Verdict, a.Result = outbox.Ended, outbox.Result{Outcome: outcome, Payment: r.Receipt.Tx.String(), Replayed: r.Replayed}
	}
	return a
}

// Init implements [sim.Node].
func (o *owner) Init(env *sim.Env) {
	o.env = env
	env.SetTimer(ms, 0)
}

// Timer implements [sim.Node]: a new payment, now and then, and once more all whose
// end is not known.
func (o *owner) Timer(uint64) {
	rng := o.env.Rand()
	if o.env.Now() < loadEnd && rng.IntN(2) == 0 {
		o.asked = append(o.asked, outbox.Payment{
			Key: fmt.Sprintf("%s-%d", o.name, len(o.asked)), From: o.own.String(), Minor: 1 + rng.Int64N(40), Currency: "EUR",
			To: tx.Account{Bank: bankName(rng.IntN(o.w.shape.banks)), Name: accountName(0)}.String(),
		})
	}
	for _, p := range o.asked {
		if _, told := o.told[p.Key]; !told { // a notice may be lost on its way too
			o.env.Send(o.queue, outbox.Enqueue{Payment: p})
		}
	}
	if !o.done() || o.env.Now() < loadEnd {
		o.env.SetTimer(20*ms, 0)
	}
}

// Receive implements [sim.Node].
func (o *owner) Receive(_ sim.ID, msg any) {
	if m, ok := msg.(outbox.Notice); ok {
		before, known := o.told[m.Payment.Key]
		o.env.Always("I8 one key", !known || before.Outcome == m.Result.Outcome && before.Payment == m.Result.Payment,
			"%s is told to be %+v and %+v", m.Payment.Key, before, m.Result)
		o.told[m.Payment.Key] = m.Result
		o.w.Sometimes("a queue's payment is "+string(m.Result.Outcome), true)
		o.env.Send(o.queue, outbox.Told{ID: m.ID})
	}
}

// done reports whether all that was asked for has an end.
func (o *owner) done() bool {
	for _, p := range o.asked {
		if _, told := o.told[p.Key]; !told {
			return false
		}
	}
	return true
}

// judge holds what the user was told against the gateway's decisions.
func (o *owner) judge(decisions []check.Decision) error {
	if !o.done() {
		return fmt.Errorf("I7 liveness: all is quiet, and %s was told of %d of %d payments", o.name, len(o.told), len(o.asked))
	}
	paid := map[string]string{}
	for _, d := range decisions {
		if d.User == o.name && d.Status == coordinator.Paid {
			paid[d.Key] = d.Tx.String()
		}
	}
	for _, p := range o.asked {
		r := o.told[p.Key]
		if id, is := paid[p.Key]; is != (r.Outcome == outbox.Paid) || is && id != r.Payment {
			return fmt.Errorf("I4 durability: %s was told that %s is %+v; the gateway has paid it: %v as %s", o.name, p.Key, r, is, id)
		}
	}
	return nil
}
