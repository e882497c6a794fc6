package play

import (
	"time"

	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/general"
)

// Names of the knobs.
const (
	KnobN         = "n"
	KnobT         = "t"
	KnobTraitors  = "traitors"
	KnobCommander = "commander"
	KnobTransport = "transport"
	KnobTimeout   = "round-timeout"
	KnobLie       = "lie"
	KnobOrder     = "order"
	KnobAlgorithm = "algorithm"
	KnobAdversary = "adversary"
	KnobMode      = "mode"
	KnobResolver  = "resolver"
)

// Where the traitors are.
const (
	CommanderLoyal   = "loyal"
	CommanderTraitor = "traitor"
	CommanderAny     = "any"
)

// Knobs are those of the system.
var Knobs = systems.Knobs{
	{Name: KnobN, Default: "4", Type: systems.Int{Min: 2, Max: general.MaxGenerals}, Help: "how many generals, the commander included"},
	{
		Name: KnobT, Default: "1", Type: systems.Int{Min: 0, Max: general.MaxGenerals - 1},
		Help: "how many traitors the algorithm is to withstand",
	},
	{
		Name: KnobTraitors, Default: "1", Type: systems.Int{Min: 0, Max: general.MaxGenerals},
		Help: "how many there are; which ones is drawn for every run",
	},
	{
		Name: KnobCommander, Default: CommanderAny, Type: systems.Choice{CommanderLoyal, CommanderTraitor, CommanderAny},
		Help: "whether the commander is among them",
	},
	{Name: KnobOrder, Default: "attack", Type: systems.Choice{"attack", "retreat"}, Help: "what the commander orders if he is loyal"},
	{Name: KnobAlgorithm, Default: "om", Type: systems.Choice(general.Names()), Help: "oral messages, signed messages, or the phase king"},
	{Name: KnobAdversary, Default: "flip", Type: systems.Choice(adversary.Names()), Help: "how traitors behave"},
	{
		Name: KnobMode, Default: ModeBroadcast, Type: systems.Choice{ModeBroadcast, ModeInteractive},
		Help: "one commander's order, or every general's own decision",
	},
	{
		Name: KnobResolver, Default: resolveAuto, Type: systems.Choice{resolveAuto, ResolveMessages, ResolveFast, ResolvePruned, resolveFlat},
		Help: "how om decides: from messages, from bit-sliced counts, or by the flat majority, which is wrong",
	},
	{
		Name: KnobTransport, Default: TransportProcess, Type: systems.Choice{TransportProcess, TransportMemory},
		Help: "a gRPC server for each general, or all of them in one process",
	},
	{Name: KnobTimeout, Default: "1s", Type: systems.Duration{Min: time.Millisecond, Max: MaxRoundTimeout}, Help: "how long a round may last"},
	{
		Name: KnobLie, Default: lie.None, Type: lies,
		Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing",
	},
}

// MaxRoundTimeout bounds how long a general may be made to wait in a round.
const MaxRoundTimeout = time.Minute

// The words of flags and knobs.
const (
	ModeBroadcast   = "broadcast"
	ModeInteractive = "interactive"

	TransportProcess = "process"
	TransportMemory  = "memory"
)

// Lies of the generals' own, beside those of package lie: figures falsified on
// purpose, for experiment byzantine-controls to show that they are found.
const (
	LieAgreed   = "all-agreed"     // every run counts as one that ended in agreement
	LieUnframed = "unframed-bytes" // generals count messages without the batch that they come in
)

var lies = systems.Choice{lie.None, LieAgreed, lie.HalvedLatency, lie.HalvedCPU, LieUnframed}
