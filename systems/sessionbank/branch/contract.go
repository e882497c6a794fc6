package branch

import (
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a branch.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: sessionbankv1.SessionBankService_Query_FullMethodName,
			Does:   "Returns the balance, once the branch has what the session's guarantees ask for.",
		},
		{
			Method: sessionbankv1.SessionBankService_Deposit_FullMethodName,
			Does:   "Adds to the balance, once for each number of a session.",
		},
		{
			Method: sessionbankv1.SessionBankService_Withdraw_FullMethodName,
			Does:   "Takes from the balance, once for each number of a session; without a write in the answer there was not enough money.",
		},
		{
			Method: sessionbankv1.SessionBankService_Describe_FullMethodName,
			Does: "Tells what the branch has applied, in order, from a place on, and how much of its own each other branch has: the trial " +
				"proves the guarantees by it.",
		},
	},
	Promises: []string{
		"A token is the branch's own business: any branch takes what the last answer of any branch gave. With `explain` an answer says what " +
			"is behind it, as a vector of writes by branch.",
		"Read your writes: a query shows the session's earlier writes. Monotonic reads: and all that its earlier queries have shown.",
		"Monotonic writes: every branch applies a session's writes in their order. Writes follow reads: and after what the session had read.",
		"A branch that lags behind waits, at most as long as the session and `--wait` allow, and then answers `UNAVAILABLE` with " +
			"`google.rpc.RetryInfo`: nothing happened.",
		"Every write is applied at every branch in the end, once; the balance is `--balance` and the sum of the log.",
	},
	Term: "It answers what it has begun, and ends.",
	Kill: "Everything that was answered, or that another branch was told, if `--data` names a folder.",
	Private: "How branches tell each other of writes is their own business: all of them are the same program. `--peers` says where the " +
		"others are: `2=127.0.0.1:50002,3=@/path/file`, in which a file holds HOST:PORT and appears once all branches listen.",
}
