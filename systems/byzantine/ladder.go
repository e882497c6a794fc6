package byzantine

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "Generals without a traitor among them decide as their commander orders.",
		Knobs:  map[string]string{"n": "3", "t": "0", "traitors": "0", "commander": "loyal"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "retreat", Promise: "They retreat when that is the order.",
		Knobs:  map[string]string{"n": "4", "t": "1", "traitors": "0", "order": "retreat"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "one-traitor", Promise: "Four generals withstand a traitor that says the opposite.",
		Knobs:  map[string]string{"n": "4", "t": "1", "traitors": "1", "adversary": "flip"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "equivocates", Promise: "Four generals withstand a commander that tells each something else.",
		Knobs:  map[string]string{"n": "4", "t": "1", "traitors": "1", "adversary": "equivocate", "commander": "traitor"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "silent", Promise: "A traitor that says nothing holds nobody up for longer than a round.",
		Knobs:  map[string]string{"n": "4", "t": "1", "traitors": "1", "adversary": "silent", "round-timeout": "100ms"},
		Length: 1500 * time.Millisecond,
	},
	{
		Name: "floods", Promise: "Messages that come twice change nothing.",
		Knobs:  map[string]string{"n": "4", "t": "1", "traitors": "1", "adversary": "duplicate"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "seven", Promise: "Seven generals withstand two traitors that collude.",
		Knobs:  map[string]string{"n": "7", "t": "2", "traitors": "2", "adversary": "collude"},
		Length: time.Second,
	},
	{
		Name: "signed", Promise: "With signed messages three generals withstand a traitor.",
		Knobs:  map[string]string{"n": "3", "t": "1", "traitors": "1", "algorithm": "sm", "adversary": "equivocate"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "costs", Promise: "How long a run takes and what it costs, beside dyno's own generals.",
		Knobs:  map[string]string{"n": "4", "t": "1", "traitors": "1"},
		Warmup: 100 * time.Millisecond, Length: time.Second,
		Costs: []string{"run.p50", "run_ms"},
	},
}
