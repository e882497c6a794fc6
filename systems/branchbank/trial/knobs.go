// Package trial measures a group of branches: it starts them with their journals
// and the links between them, lets customers load them while faults strike, waits
// until they agree, and judges all of it by what they wrote down.
package trial

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/fault"
	"dyno/bench/inject"
	"dyno/internal/record"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems"
	"dyno/systems/branchbank/client"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/group"
	"dyno/systems/branchbank/server"
)

// The knobs of a trial beside those of branches and customers.
const (
	KnobBranches = "branches"
	KnobBalance  = "balance"
	KnobDelay    = "delay"
)

// Knobs are all that a trial has.
var Knobs = slices.Concat(loops(), server.Knobs, client.Knobs, systems.Knobs{
	{Name: KnobBranches, Default: "4", Type: systems.Int{Min: 1, Max: 32}, Help: "branches, each in a process of its own"},
	{
		Name: KnobBalance, Default: "1000000", Type: systems.Int{Min: 0, Max: 1_000_000_000},
		Help: "of the account at the beginning, in whole units: the less, the more customers contend for it",
	},
	{
		Name: KnobDelay, Default: "0s", Type: systems.Duration{Min: 0, Max: time.Second},
		Help: "how long a message between two branches is under way, one way",
	},
	inject.Knob,
})

// loops are the knobs of a generator that is a closed or an open loop of ours.
func loops() systems.Knobs {
	out := driver.Knobs("poisson")
	for i := range out {
		if out[i].Name == driver.KnobDriver {
			out[i].Type = systems.Choice{driver.Closed, driver.Open}
			out[i].Help = "who loads the branches: a closed or an open loop"
		}
	}
	return out
}

// Check refuses what would not measure what it says.
func Check(set systems.Setting, v systems.Values) error {
	if err := driver.Measurable(set, v); err != nil {
		return fmt.Errorf("branchbank: %w", err)
	}
	if v.Int(KnobBranches) == 1 && (v.Duration(KnobDelay) > 0 || v.Text(inject.Knob.Name) != "") {
		return errors.New("branchbank: one branch has no links and nobody to agree with: give more branches, or no delay and no faults")
	}
	var names []string
	for _, id := range ids(v) {
		names = append(names, group.Name(id))
	}
	if err := (inject.Ground{Processes: names, Links: inject.Pairs(names...)}).Check(schedule(v)); err != nil {
		return fmt.Errorf("branchbank: %w", err)
	}
	return nil
}

// Overhead estimates what a trial takes beside its load: branches start, agree
// and stop, and their journals are read.
func Overhead(v systems.Values) time.Duration {
	return 150*time.Millisecond + time.Duration(v.Int(KnobBranches))*30*time.Millisecond
}

// ids are the branches of a trial.
func ids(v systems.Values) []branch.ID {
	out := make([]branch.ID, v.Int(KnobBranches))
	for i := range out {
		out[i] = branch.ID(i + 1)
	}
	return out
}

// schedule is what goes wrong, the delay of the links among it.
func schedule(v systems.Values) string {
	text, delay := v.Text(inject.Knob.Name), v.Duration(KnobDelay)
	for _, from := range ids(v) {
		var others []string
		for _, to := range ids(v) {
			if to != from {
				others = append(others, group.Name(to))
			}
		}
		if delay > 0 {
			text += fmt.Sprintf("; delay %s->%s=%v@0s", group.Name(from), strings.Join(others, ","), delay)
		}
	}
	return strings.TrimPrefix(text, "; ")
}

// healed is when the last fault of a trial ends, after the load began; 0: none
// ends.
func healed(text string) time.Duration {
	faults, err := fault.Parse(text)
	if err != nil {
		return 0
	}
	var last time.Duration
	for _, e := range faults.Events() {
		if e.Ends {
			last = max(last, e.At)
		}
	}
	return last
}

// counted: an operation is one call, or more where one is repeated until its
// outcome is known.
var counted = evidence.Counts(evidence.Operations{
	Method: branchbankv1.BranchService_Execute_FullMethodName, Clients: []string{"client"}, Servers: []string{server.RoleName}, Retried: true,
})

// Metrics are what a trial observes.
var Metrics = slices.Concat(driver.Metrics(counted), []record.Metric{
	{
		Name: "messages_per_write", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "messages with writes in them that branches sent, per customer's write", Road: messagesRoad,
	},
	{
		Name: "bytes_per_write", Kind: record.KindScalar, Unit: "B", Better: record.Lower,
		Help: "size of these messages as protobuf, per customer's write", Road: bytesRoad,
	},
	{
		Name: "json_ratio", Kind: record.KindScalar, Unit: "1",
		Help: "size of the same messages as JSON over that as protobuf, of one message in 64",
	},
	{
		Name: "branches_cores", Kind: record.KindScalar, Unit: "cores", Better: record.Lower,
		Help: "processor time of all branches together, divided by the window", Road: evidence.CPU(evidence.Cores, server.RoleName),
	},
	{
		Name: "drain_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "from the end of the load until all branches hold the same and know it, looked at every 2 ms",
	},
	{
		Name: "recovery_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "from the end of the last fault, a killed branch's start included, until all branches have what any had then",
	},
	{Name: "retries", Kind: record.KindScalar, Unit: "req", Better: record.Lower, Help: "calls that customers made again", Road: retriesRoad},
	{
		Name: "overdrawn_writes", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "writes after which a branch held a balance below 0, at all branches together",
		Road: evidence.Fact(factNegative, "the same, from the journals"),
	},
	{
		Name: "withdrawals", Kind: record.KindScalar, Unit: "1", Help: "that customers asked for and know the outcome of",
		Road: again("those in the journals, declined or not", func(declined, withdrawn float64) float64 { return declined + withdrawn }),
	},
	{
		Name: "declined_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "share of these that was declined",
		Road: again("the journals' own counts", func(declined, withdrawn float64) float64 { return declined / (declined + withdrawn) }),
	},
	{
		Name: "wrongly_declined_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "share that was declined although the money was there: deposits acknowledged before, less withdrawals begun before the answer, " +
			"covered it",
	},
	{
		Name: "local_share", Kind: record.KindScalar, Unit: "1", Better: record.Higher,
		Help: "escrow: share of the accepted withdrawals that needed nobody else's rights",
	},
})

// again computes a figure of withdrawals from the journals. It holds where
// customers know what became of everything.
func again(what string, of func(declined, withdrawn float64) float64) record.Road {
	return evidence.Law(what, func(metric string, o *record.Observation, _ *record.Evidence) record.Check {
		want := of(fact(o, factDeclined), fact(o, factWithdrawn))
		switch {
		case o.Counts.OK < o.Counts.Sent:
			return record.Check{}
		case math.IsNaN(want):
			return record.Doubt("", 0, "the journals were not counted")
		}
		return evidence.Same(o.Scalars[metric], want, o.Counts.Sent, what)
	})
}

// fact reads a fact; what is missing is NaN.
func fact(o *record.Observation, name string) float64 {
	if v, ok := o.Evidence.Facts[name]; ok {
		return v
	}
	return math.NaN()
}

// messagesRoad: every write of another that a journal holds came in a message, and
// one that was sent again may have come twice. A message holds at least one.
var messagesRoad = evidence.Law("the writes of others in the journals", holdMessages)

func holdMessages(metric string, o *record.Observation, _ *record.Evidence) record.Check {
	messages := o.Scalars[metric] * fact(o, factWrites)
	most := fact(o, factApplied) + fact(o, factResent)
	switch {
	case math.IsNaN(messages) || math.IsNaN(most):
		return record.Doubt("", 0, "the journals were not counted")
	case messages > most*(1+1e-9):
		return record.Fail("", int64(most), "%.8g messages are said to have been sent, the journals account for %.8g", messages, most)
	case most > 0 && messages < 1:
		return record.Fail("", int64(most), "no message is said to have been sent, the journals hold %.8g writes of others", most)
	}
	return record.Pass("", max(int64(most), 1))
}

// bytesRoad: what was sent went through the sockets.
var bytesRoad = evidence.Law("the sockets' own counters", holdBytes)

func holdBytes(metric string, o *record.Observation, e *record.Evidence) record.Check {
	var sent float64
	for _, p := range e.Processes {
		if p.Role != server.RoleName {
			continue
		}
		if p.Calls == nil {
			return record.Doubt("", 0, "%s told nothing of its sockets", p.Name)
		}
		sent += float64(p.Calls.SentB)
	}
	if bytes := o.Scalars[metric] * fact(o, factWrites); !(bytes <= sent) {
		return record.Fail("", int64(sent), "%.8g bytes are said to have been sent, the sockets took %.8g", bytes, sent)
	}
	return record.Pass("", max(int64(sent), 1))
}

// retriesRoad: operations and retries are the calls that the clients made.
var retriesRoad = evidence.Law("the calls that clients made", holdRetries)

func holdRetries(metric string, o *record.Observation, e *record.Evidence) record.Check {
	var made float64
	told := false
	for _, p := range e.Processes {
		if p.Role == "client" && p.Calls != nil {
			c := p.Calls.Made[branchbankv1.BranchService_Execute_FullMethodName]
			made, told = made+float64(c.OK+c.Failed), true
		}
	}
	if !told {
		return record.Doubt("", 0, "the clients told no counts")
	}
	if want := made - float64(o.Counts.Sent); o.Scalars[metric] != want {
		return record.Fail("", int64(made), "%v retries are said to have been made, by the calls there were %v", o.Scalars[metric], want)
	}
	return record.Pass("", int64(made))
}
