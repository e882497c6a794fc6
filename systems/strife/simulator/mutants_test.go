package simulator

import (
	"slices"
	"testing"
	"time"

	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// changed is a core with a flaw: inputs, outputs and records are changed on their
// way.
type changed[In, Out any] struct {
	node.Core[In, Out]
	in      func(step func(In), in In)   // nil: as they are
	out     func(out Out) (Out, bool)    // nil: as they are; false: it is lost
	effects func(e *node.Effects[Out])   // nil: as they are
	after   func(step func(In), out Out) // what an output brings about
}

func (c *changed[In, Out]) Begin(now time.Duration) node.Effects[Out] {
	e := c.Core.Begin(now)
	return c.change(now, e)
}

func (c *changed[In, Out]) Wake(now time.Duration) node.Effects[Out] {
	e := c.Core.Wake(now)
	return c.change(now, e)
}

func (c *changed[In, Out]) Step(now time.Duration, in In) node.Effects[Out] {
	var e node.Effects[Out]
	step := func(in In) { join(&e, c.Core.Step(now, in)) }
	if c.in != nil {
		c.in(step, in)
	} else {
		step(in)
	}
	return c.change(now, e)
}

func join[Out any](e *node.Effects[Out], more node.Effects[Out]) {
	e.Write, e.Send, e.Early = append(e.Write, more.Write...), append(e.Send, more.Send...), append(e.Early, more.Early...)
	if more.Wake != 0 {
		e.Wake = more.Wake
	}
}

func (c *changed[In, Out]) change(now time.Duration, e node.Effects[Out]) node.Effects[Out] {
	if c.after != nil {
		for _, out := range slices.Concat(e.Early, e.Send) {
			c.after(func(in In) { join(&e, c.Core.Step(now, in)) }, out)
		}
	}
	if c.out != nil {
		for _, outs := range []*[]Out{&e.Early, &e.Send} {
			kept := (*outs)[:0:0]
			for _, out := range *outs {
				if out, ok := c.out(out); ok {
					kept = append(kept, out)
				}
			}
			*outs = kept
		}
	}
	if c.effects != nil {
		c.effects(&e)
	}
	return e
}

func (c *changed[In, Out]) Snapshot() []byte { return c.Core.(node.Snapshotter).Snapshot() }

func (c *changed[In, Out]) Restore(records uint64, snapshot []byte) error {
	return c.Core.(node.Snapshotter).Restore(records, snapshot)
}

func (c *changed[In, Out]) Flush(now time.Duration) node.Effects[Out] {
	return c.change(now, c.Core.(node.Flusher[Out]).Flush(now))
}

type (
	gateway     = changed[coordinator.In, coordinator.Out]
	gatewayCore = node.Core[coordinator.In, coordinator.Out]
	bank        = changed[participant.In, participant.Out]
	bankCore    = node.Core[participant.In, participant.Out]
)

func (m mutant) atGateway(change func() gateway) mutant {
	m.gateway = func(core gatewayCore) gatewayCore {
		c := change()
		c.Core = core
		return &c
	}
	return m
}

func (m mutant) atBank(change func(name string, p *participant.Participant) bank) mutant {
	m.bank = func(name string, core bankCore) bankCore {
		c := change(name, core.(*participant.Participant))
		c.Core = core
		return &c
	}
	return m
}

// unforced lets what rests on a record go out before that is durable.
func unforced[Out any](record func([]byte) string, kind string) func(e *node.Effects[Out]) {
	return func(e *node.Effects[Out]) {
		if slices.ContainsFunc(e.Write, func(r []byte) bool { return record(r) == kind }) {
			e.Early, e.Send = append(e.Early, e.Send...), nil
		}
	}
}

// unwritten loses records of a kind.
func unwritten[Out any](record func([]byte) string, kind string) func(e *node.Effects[Out]) {
	return func(e *node.Effects[Out]) {
		e.Write = slices.DeleteFunc(e.Write, func(r []byte) bool { return record(r) == kind })
	}
}

var mutants = slices.Concat(gatewayMutants, bankMutants, []mutant{{name: "everything goes out before it is durable", hasty: true}})

// Every mutant is caught.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			h := hunt(m, 3000)
			h.ShrinkRuns = 1
			f, err := h.Run(t.Context())
			if err != nil || f == nil {
				t.Fatalf("it is not caught: %v", err)
			}
			t.Logf("seed %d: %v", f.Seed, f.OriginalErr)
		})
	}
}

// A disk whose syncs lie is noticed.
func TestWeaken(t *testing.T) {
	found, err := hunt(mutant{}, 200).Weaken(t.Context(), simhost.ForOpen)
	if err != nil || found[simhost.ForAppend] == nil {
		t.Error(err)
	}
}

// told is a decision that was sent to a bank.
type told struct {
	bank string
	id   tx.ID
}

var gatewayMutants = []mutant{
	mutant{name: "a commit is told before it is durable"}.atGateway(func() gateway {
		return gateway{effects: unforced[coordinator.Out](gatewayPoints.record, "commit")}
	}),
	mutant{name: "a decline is told before it is durable"}.atGateway(func() gateway {
		return gateway{effects: unforced[coordinator.Out](gatewayPoints.record, "decline")}
	}),
	mutant{name: "a cancellation is told before it is durable"}.atGateway(func() gateway {
		return gateway{effects: unforced[coordinator.Out](gatewayPoints.record, "cancel")}
	}),
	mutant{name: "no decision record between the phases"}.atGateway(func() gateway {
		return gateway{effects: unwritten[coordinator.Out](gatewayPoints.record, "commit")}
	}),
	mutant{name: "a decline is not recorded"}.atGateway(func() gateway {
		return gateway{effects: unwritten[coordinator.Out](gatewayPoints.record, "decline")}
	}),
	mutant{name: "a cancellation leaves no tombstone"}.atGateway(func() gateway {
		return gateway{effects: unwritten[coordinator.Out](gatewayPoints.record, "cancel")}
	}),
	mutant{name: "transaction IDs are used again: no epoch", blind: "I11"}.atGateway(func() gateway {
		return gateway{effects: unwritten[coordinator.Out](gatewayPoints.record, "epoch")}
	}),
	mutant{name: "an abort is sent when a commit is not acknowledged in time"}.atGateway(func() gateway {
		seen := map[told]bool{}
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			if b, d, ok := commitTo(out); ok {
				d.Commit = !seen[told{b.Bank, d.Tx}]
				seen[told{b.Bank, d.Tx}] = true
				return coordinator.ToBank{Bank: b.Bank, Message: d}, true
			}
			return out, true
		}}
	}),
	mutant{name: "a commit is told once only"}.atGateway(func() gateway {
		seen := map[told]bool{}
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			b, d, ok := commitTo(out)
			again := ok && seen[told{b.Bank, d.Tx}]
			seen[told{b.Bank, d.Tx}] = true
			return out, !again
		}}
	}),
	mutant{name: "keys are not scoped to the user"}.atGateway(func() gateway {
		return gateway{in: func(step func(coordinator.In), in coordinator.In) {
			if pay, ok := in.(coordinator.Pay); ok {
				pay.User = "anybody"
				in = pay
			}
			step(in)
		}}
	}),
	{name: "keys are forgotten", config: func(c *coordinator.Config) { c.KeyTTL = 1 }},
	mutant{name: "a retry gets another answer"}.atGateway(func() gateway {
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			if r, ok := out.(coordinator.Reply); ok && r.Replayed && r.Receipt.Status == coordinator.Paid {
				r.Receipt.Tx.Number++
				return r, true
			}
			return out, true
		}}
	}),
	mutant{name: "a retry is told that it exists already"}.atGateway(func() gateway {
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			if r, ok := out.(coordinator.Reply); ok && r.Replayed {
				r.Receipt.Status, r.Receipt.Reason = coordinator.Declined, tx.OtherPayment
				return r, true
			}
			return out, true
		}}
	}),
	mutant{name: "another payment under a key gets the first one's answer"}.atGateway(func() gateway {
		first := map[[2]string]tx.Payment{}
		return gateway{in: func(step func(coordinator.In), in coordinator.In) {
			if pay, ok := in.(coordinator.Pay); ok {
				by := [2]string{pay.User, pay.Key}
				if p, known := first[by]; known {
					pay.Payment = p
				}
				first[by], in = pay.Payment, pay
			}
			step(in)
		}}
	}),
	mutant{name: "it commits when one bank has voted yes"}.atGateway(func() gateway {
		banks := map[tx.ID][]string{}
		return gateway{
			in: func(step func(coordinator.In), in coordinator.In) {
				step(in)
				if v, ok := in.(tx.Vote); ok && v.Yes {
					for _, bank := range banks[v.Tx] {
						step(tx.Vote{Bank: bank, Tx: v.Tx, Yes: true})
					}
				}
			},
			out: func(out coordinator.Out) (coordinator.Out, bool) {
				if b, ok := out.(coordinator.ToBank); ok {
					if p, ok := b.Message.(tx.Prepare); ok {
						banks[p.Tx] = append(banks[p.Tx], b.Bank)
					}
				}
				return out, true
			},
		}
	}),
	mutant{name: "a no is taken for a yes"}.atGateway(func() gateway {
		return gateway{in: func(step func(coordinator.In), in coordinator.In) {
			if v, ok := in.(tx.Vote); ok && v.Reason == tx.Funds {
				in = tx.Vote{Bank: v.Bank, Tx: v.Tx, Yes: true}
			}
			step(in)
		}}
	}),
	mutant{name: "what is not known is presumed committed"}.atGateway(func() gateway {
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			if b, ok := out.(coordinator.ToBank); ok {
				if d, ok := b.Message.(tx.Decide); ok {
					d.Commit = true
					return coordinator.ToBank{Bank: b.Bank, Message: d}, true
				}
			}
			return out, true
		}}
	}),
	mutant{name: "the low mark is too high"}.atGateway(func() gateway {
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			if b, d, ok := commitTo(out); ok {
				d.Low = tx.ID{Gateway: d.Tx.Gateway, Epoch: d.Tx.Epoch, Number: d.Tx.Number + 8192}
				return coordinator.ToBank{Bank: b.Bank, Message: d}, true
			}
			return out, true
		}}
	}),
	mutant{name: "a balance is asked for without what it must reflect"}.atGateway(func() gateway {
		return gateway{out: func(out coordinator.Out) (coordinator.Out, bool) {
			if b, ok := out.(coordinator.ToBank); ok {
				if m, ok := b.Message.(tx.Balance); ok {
					m.After = nil
					return coordinator.ToBank{Bank: b.Bank, Message: m}, true
				}
			}
			return out, true
		}}
	}),
}

// commitTo returns a decision to commit.
func commitTo(out coordinator.Out) (coordinator.ToBank, tx.Decide, bool) {
	b, _ := out.(coordinator.ToBank)
	d, _ := b.Message.(tx.Decide)
	return b, d, d.Commit
}

// alias is another name for a transaction, under which a bank takes it up once
// more.
func alias(id tx.ID, n int) tx.ID {
	id.Number += uint64(n) << 40
	return id
}

var bankMutants = []mutant{
	mutant{name: "a promise is told before it is durable"}.atBank(func(string, *participant.Participant) bank {
		return bank{effects: unforced[participant.Out](bankPoints.record, "prepared")}
	}),
	mutant{name: "a commit is acknowledged before it is durable"}.atBank(func(string, *participant.Participant) bank {
		return bank{effects: unforced[participant.Out](bankPoints.record, "committed")}
	}),
	mutant{name: "a peer is told before the refusal is durable"}.atBank(func(string, *participant.Participant) bank {
		return bank{effects: unforced[participant.Out](bankPoints.record, "refused")}
	}),
	mutant{name: "promises are in memory only"}.atBank(func(string, *participant.Participant) bank {
		return bank{effects: unwritten[participant.Out](bankPoints.record, "prepared")}
	}),
	mutant{name: "commits are in memory only"}.atBank(func(string, *participant.Participant) bank {
		return bank{effects: unwritten[participant.Out](bankPoints.record, "committed")}
	}),
	mutant{name: "who is in doubt aborts alone"}.atBank(func(string, *participant.Participant) bank {
		return bank{after: func(step func(participant.In), out participant.Out) {
			if g, ok := out.(participant.ToGateway); ok {
				if q, ok := g.Message.(tx.Inquire); ok {
					step(tx.Decide{Tx: q.Tx})
				}
			}
		}}
	}),
	mutant{name: "who is in doubt commits alone"}.atBank(func(string, *participant.Participant) bank {
		return bank{after: func(step func(participant.In), out participant.Out) {
			if g, ok := out.(participant.ToGateway); ok {
				if q, ok := g.Message.(tx.Inquire); ok {
					step(tx.Decide{Tx: q.Tx, Commit: true})
				}
			}
		}}
	}),
	mutant{name: "a peer is told without a refusal"}.atBank(func(name string, p *participant.Participant) bank {
		var more []participant.Out
		return bank{
			in: func(step func(participant.In), in participant.In) {
				if a, ok := in.(tx.Ask); ok && p.State(a.Tx) == tx.None {
					more = append(more, participant.ToBank{Bank: a.From, Message: tx.Told{From: name, Tx: a.Tx, State: tx.Aborted}})
					return
				}
				step(in)
			},
			effects: func(e *participant.Effects) { e.Early, more = append(e.Early, more...), nil },
		}
	}),
	mutant{name: "a duplicate of a commit is carried out again"}.atBank(func(_ string, p *participant.Participant) bank {
		asked := map[tx.ID]tx.Prepare{}
		n := 0
		return bank{in: func(step func(participant.In), in participant.In) {
			switch in := in.(type) {
			case tx.Prepare:
				asked[in.Tx] = in
			case tx.Decide:
				if again, ok := asked[in.Tx]; ok && in.Commit && p.State(in.Tx) == tx.Committed {
					n++
					again.Tx = alias(in.Tx, n)
					step(again)
					step(tx.Decide{Tx: again.Tx, Commit: true})
				}
			}
			step(in)
		}}
	}),
	mutant{name: "a hold is not released by an abort"}.atBank(func(_ string, p *participant.Participant) bank {
		asked := map[tx.ID]tx.Prepare{}
		n := 0
		return bank{
			in: func(step func(participant.In), in participant.In) {
				promised := false
				switch in := in.(type) {
				case tx.Prepare:
					asked[in.Tx] = in
				case tx.Decide:
					promised = !in.Commit && p.State(in.Tx) == tx.Prepared
				}
				step(in)
				if promised {
					n++
					again := asked[in.(tx.Decide).Tx]
					again.Tx = alias(again.Tx, n)
					step(again)
				}
			},
			out: func(out participant.Out) (participant.Out, bool) {
				if g, ok := out.(participant.ToGateway); ok {
					switch m := g.Message.(type) {
					case tx.Inquire:
						return out, m.Tx.Number < 1<<40
					case tx.Vote:
						return out, m.Tx.Number < 1<<40
					}
				}
				return out, true
			},
		}
	}),
	mutant{name: "a prepare timeout leaves the account locked: aborts are not heard"}.atBank(func(string, *participant.Participant) bank {
		return bank{in: func(step func(participant.In), in participant.In) {
			if d, ok := in.(tx.Decide); !ok || d.Commit {
				step(in)
			}
		}}
	}),
	mutant{name: "a duplicate of a commit is answered by a failure"}.atBank(func(_ string, p *participant.Participant) bank {
		return bank{in: func(step func(participant.In), in participant.In) {
			if d, ok := in.(tx.Decide); ok && d.Commit && p.State(d.Tx) != tx.Prepared {
				return
			}
			step(in)
		}}
	}),
	mutant{name: "money arrives before the commit"}.atBank(func(string, *participant.Participant) bank {
		return bank{in: func(step func(participant.In), in participant.In) {
			step(in)
			if m, ok := in.(tx.Prepare); ok && m.Legs[0].Delta > 0 {
				step(tx.Decide{Tx: m.Tx, Commit: true})
			}
		}}
	}),
	mutant{name: "nothing is asked when in doubt"}.atBank(func(string, *participant.Participant) bank {
		return bank{out: func(out participant.Out) (participant.Out, bool) {
			if g, ok := out.(participant.ToGateway); ok {
				_, asks := g.Message.(tx.Inquire)
				return out, !asks
			}
			_, asks := out.(participant.ToBank)
			return out, !asks
		}}
	}),
	mutant{name: "a refusal is forgotten: a late prepare is promised"}.atBank(func(_ string, p *participant.Participant) bank {
		back := map[tx.ID]tx.ID{}
		other := map[tx.ID]tx.ID{}
		n := 0
		return bank{
			in: func(step func(participant.In), in participant.In) {
				switch m := in.(type) {
				case tx.Prepare:
					if p.State(m.Tx) == tx.Aborted && other[m.Tx] == (tx.ID{}) {
						n++
						other[m.Tx], back[alias(m.Tx, n)] = alias(m.Tx, n), m.Tx
						m.Tx = alias(m.Tx, n)
					}
					step(m)
					return
				case tx.Decide:
					if id, ok := other[m.Tx]; ok {
						m.Tx = id
					}
					step(m)
					return
				}
				step(in)
			},
			out: func(out participant.Out) (participant.Out, bool) {
				g, ok := out.(participant.ToGateway)
				if !ok {
					return out, true
				}
				switch m := g.Message.(type) {
				case tx.Vote:
					if id, ok := back[m.Tx]; ok {
						m.Tx = id
					}
					g.Message = m
				case tx.Inquire:
					if id, ok := back[m.Tx]; ok {
						m.Tx = id
					}
					g.Message = m
				case tx.Ack:
					if id, ok := back[m.Tx]; ok {
						m.Tx = id
					}
					g.Message = m
				}
				return g, true
			},
		}
	}),
}
