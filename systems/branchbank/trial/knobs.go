// Package trial measures a group of branches: it starts them with their journals
// and the links between them, lets customers load them while faults strike, waits
// until they agree, and judges all of it by what they wrote down.
package trial

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/fault"
	"dyno/bench/inject"
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
