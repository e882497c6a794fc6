// Package trial measures sessions: branches as processes, links that are slow
// between them, a generator whose clients move from branch to branch, and the
// proof of what it reports.
package trial

import (
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/sessionbank/core/token"
)

// The knobs.
const (
	KnobGuarantees = "guarantees"
	KnobToken      = "token"
	KnobDelay      = "delay"
	KnobBranches   = "branches"
	KnobReads      = "reads"
	KnobMove       = "move"
	KnobHistory    = "history"
	KnobWait       = "wait"
	KnobDurable    = "durable"
	KnobMutant     = "mutant"
	KnobLie        = "lie"
)

// mutants are what a generator's session can do wrong, for the checks to find.
var mutants = systems.Choice{"none", "amnesia", "invented"}

// lieForgiven leaves half of the violations out of the figures.
const lieForgiven = "forgiven"

// Knobs are those of the system.
var Knobs = append(driver.Knobs("constant"), systems.Knobs{
	{
		Name: KnobGuarantees, Default: "all", Type: systems.Text{What: token.AllowedGuarantees, Check: canonical},
		Help: "what is guaranteed to a session: ryw reads see its writes, mr and what it has read; mw its writes are applied in their order, " +
			"wfr and after what it has read",
	},
	{
		Name: KnobToken, Default: "vector", Type: systems.Choice(token.Kinds()),
		Help: "how a session's token names writes: a number for each branch, or one by one",
	},
	{
		Name: KnobDelay, Default: "0s", Type: systems.Duration{Max: 2 * time.Second},
		Help: "how much later the writes of one branch come to another",
	},
	{Name: KnobBranches, Default: "3", Type: systems.Int{Min: 1, Max: 32}, Help: "branches of the bank"},
	{
		Name: KnobReads, Default: "0.5", Type: systems.Float{Max: 1},
		Help: "share of operations that are queries; of the others two in three are deposits",
	},
	{
		Name: KnobMove, Default: "always", Type: systems.Choice{"always", "never"},
		Help: "whether each operation goes to another branch than the one before",
	},
	{
		Name: KnobHistory, Unit: "writes", Default: "0", Type: systems.Int{Max: 100_000},
		Help: "deposits that every session has read of before the load begins",
	},
	{
		Name: KnobWait, Default: "5s", Type: systems.Duration{Min: time.Millisecond, Max: time.Minute},
		Help: "how long a branch may wait until it has caught up",
	},
	{
		Name: KnobDurable, Default: "yes", Type: systems.Choice{"yes", "no"},
		Help: "whether branches keep a journal on disk; no: in memory only",
	},
	inject.Knob,
	{
		Name: KnobMutant, Default: mutants[0], Type: mutants,
		Help: "what clients do wrong on purpose, for the checks to find: sessions without token, " +
			"acknowledged deposits that nobody made",
	},
	{
		Name: KnobLie, Default: lie.None, Type: systems.Choice(append(lie.All[:len(lie.All):len(lie.All)], lieForgiven)),
		Help: "what is said falsely on purpose about what was measured, for the checks to find",
	},
}...)

func canonical(text string) (string, error) {
	g, err := token.ParseGuarantees(text)
	return g.String(), err
}
