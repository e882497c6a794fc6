package server

import (
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a server.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: standbyv1.AccountService_Status_FullMethodName,
			Does: "Tells role, epoch, last action and a checksum of the accounts, which is the same at two servers that hold the same; the " +
				"trial begins when one is primary and the other its standby, and ends when both are at the same action.",
		},
		{
			Method: standbyv1.AccountService_Lookup_FullMethodName,
			Does:   "Returns a balance, at the primary only.",
		},
		{
			Method: standbyv1.AccountService_Deposit_FullMethodName,
			Does:   "Adds to an account, once for each number of a client, and tells epoch and action id.",
		},
		{
			Method: standbyv1.AccountService_Withdraw_FullMethodName,
			Does:   "Takes from an account; that there is too little is an answer, and an action too.",
		},
		{
			Method: standbyv1.AccountService_Act_FullMethodName,
			Does:   "Is all of that on a stream, for any number of clients (knob `client-api`).",
		},
	},
	Promises: []string{
		"Actions are numbered from 1 without gaps; the answers are those of executing them in that order on the accounts of `--accounts`.",
		"Under `--replicate sync` an action is acknowledged when both servers have it, or the other one is known to be gone: what was " +
			"acknowledged is never lost. Under `async` what is lost is named in `Status`.",
		"An epoch has one primary, by a lease that the witness grants (`WitnessService.Grant`, at the address in `--config`); nothing is " +
			"acknowledged in an epoch after a later one has begun.",
		"A repeated request is done once; its stored answer comes again, with the same action id, whoever is primary by then.",
		"Without a primary the other server takes over within `--lease`, and who comes back catches up.",
	},
	Term: "It answers what it has begun, and ends.",
	Kill: "Every action that was acknowledged, and the answers of each client's last request, beside the file of `--accounts`; with " +
		"`--in-memory` nothing.",
	Private: "How the servers ship actions is their own business: both are the same program. `--config` names both addresses and the witness.",
}
