package cluster

import (
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a general.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: byzantinev1.GeneralService_Muster_FullMethodName,
			Does:   "Gives the general its part in a run: algorithm, bound, commander, addresses, and what a traitor needs to know.",
		},
		{
			Method: byzantinev1.GeneralService_Begin_FullMethodName,
			Does:   "Plays all rounds from a moment on, and returns the decision, and what was received, dropped and sent.",
		},
		{
			Method: byzantinev1.GeneralService_Deliver_FullMethodName,
			Does:   "Brings what another general has to say in a round. What breaks the rules is dropped and counted, not an error.",
		},
	},
	Promises: []string{
		"Every call proves who makes it: `dyno-sender` and `dyno-proof-bin`, an HMAC-SHA256 under a key of `--keys` that only the two have. " +
			"One without a proof that holds is `INVALID_ARGUMENT`.",
		"A general that was not told its treason is loyal: it tells all others the same in a round, and follows the algorithm.",
		"Loyal generals decide alike, and as a loyal commander ordered, while there are at most `t` traitors and n > 3t (om, phase-king; sm " +
			"with signatures has no such bound).",
		"A traitor behaves as the part says (`treason.adversary`).",
	},
	Term:    "It answers what it has begun, and ends.",
	Kill:    "Nothing: a general that is gone is one that is silent.",
	Private: "Nothing: a general talks to generals of any program, dyno's own too, in the messages of `Deliver`.",
}
