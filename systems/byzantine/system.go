package byzantine

import (
	_ "embed"
	"time"

	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/general"
)

const name = "byzantine"

//go:embed report.md.tmpl
var section string

// System is the Byzantine generals on the bench.
var System = &systems.System{
	Name:     name,
	Summary:  "Byzantine generals: n of them agree on an order though t are traitors",
	Roles:    []systems.Role{generalRole(), memoryRole()},
	Commands: []systems.Command{runCommand(), searchCommand()},
	Knobs:    knobs,
	Metrics:  metrics,
	Trial:    trial,
	Report:   section,
}

// Names of roles.
const (
	roleGeneral = "general"
	roleMemory  = "memory"
)

// The knobs that only trials have.
const (
	knobN         = "n"
	knobT         = "t"
	knobTraitors  = "traitors"
	knobCommander = "commander"
	knobTransport = "transport"
	knobTimeout   = "round-timeout"
	knobLie       = "lie"
)

// Where the traitors are.
const (
	commanderLoyal   = "loyal"
	commanderTraitor = "traitor"
	commanderAny     = "any"
)

var knobs = systems.Knobs{
	{Name: knobN, Default: "4", Type: systems.Int{Min: 2, Max: general.MaxGenerals}, Help: "how many generals, the commander included"},
	{Name: knobT, Default: "1", Type: systems.Int{Min: 0, Max: general.MaxGenerals - 1}, Help: "how many traitors the algorithm is to withstand"},
	{Name: knobTraitors, Default: "1", Type: systems.Int{Min: 0, Max: general.MaxGenerals}, Help: "how many there are; which ones is drawn for every run"},
	{Name: knobCommander, Default: commanderAny, Type: systems.Choice{commanderLoyal, commanderTraitor, commanderAny}, Help: "whether the commander is among them"},
	{Name: "order", Default: "attack", Type: systems.Choice{"attack", "retreat"}, Help: "what the commander orders if he is loyal"},
	{Name: "algorithm", Default: "om", Type: systems.Choice(general.Names()), Help: "oral messages, signed messages, or the phase king"},
	{Name: "adversary", Default: "flip", Type: systems.Choice(adversary.Names()), Help: "how traitors behave"},
	{Name: "mode", Default: modeBroadcast, Type: systems.Choice{modeBroadcast, modeInteractive}, Help: "one commander's order, or every general's own decision"},
	{Name: "resolver", Default: resolveAuto, Type: systems.Choice{resolveAuto, resolveMessages, resolveFast, resolvePruned, resolveFlat}, Help: "how om decides: from messages, from bit-sliced counts, or by the flat majority, which is wrong"},
	{Name: knobTransport, Default: transportProcess, Type: systems.Choice{transportProcess, transportMemory}, Help: "a gRPC server for each general, or all of them in one process"},
	{Name: knobTimeout, Default: "1s", Type: systems.Duration{Min: time.Millisecond, Max: maxRoundTimeout}, Help: "how long a round may last"},
	{Name: knobLie, Default: lie.None, Type: lies, Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing"},
}
