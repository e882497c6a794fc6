package bank

import (
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a bank.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: strifev1.BankService_ListDoubts_FullMethodName,
			Does:   "Tells which transactions the bank has promised and does not know the outcome of.",
		},
		{
			Method: strifev1.BankService_Exchange_FullMethodName,
			Does: "Carries two-phase commit with the gateway, batched: prepare and vote, commit or abort and acknowledgement. They may come " +
				"in any order, and more than once.",
		},
		{
			Method: strifev1.BankService_CheckAccount_FullMethodName,
			Does:   "Tells whether the bank holds an account for a user, and opens it if that is asked for.",
		},
		{
			Method: strifev1.BankService_ReadBalance_FullMethodName,
			Does:   "Tells a balance once named transactions are applied.",
		},
		{
			Method: strifev1.PeerService_AskOutcome_FullMethodName,
			Does:   "Helps another bank that is in doubt while the gateway is away.",
		},
	},
	Promises: []string{
		"Its accounts, certificate and the certificates that it accepts are in the folder of `--dir`, for the bank of `--name`; `--addresses` " +
			"is a file that says where the others are, and changes.",
		"A vote of yes is a promise: from then on the bank can carry the payment out and can drop it, whatever happens, until it is told " +
			"which, or asks (`CoordinatorService.Inquire`, then `PeerService.AskOutcome`).",
		"A transaction is carried out once, at both banks or at none; no balance falls below what is held.",
		"Under `protection: full` and `tls` all calls are under mutual TLS, and only the gateway, and for `AskOutcome` other banks, are let in.",
	},
	Term: "It answers what it has begun, and ends.",
	Kill: "Every vote of yes with what it promises, and every outcome that was acknowledged.",
}
