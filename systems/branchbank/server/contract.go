package server

import (
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a branch.
var contract = &systems.Contract{
	Calls: []systems.Call{{
		Method: branchbankv1.BranchService_Execute_FullMethodName,
		Does: "Does what a customer wants. `success: false` with a reason is the answer to a withdrawal that the balance does not cover; " +
			"a query or a deposit is never refused. An error means that the outcome is unknown: " +
			"the customer asks again under the same `request_id`.",
	}},
	Promises: []string{
		"All branches begin with the balance of `--balance`, and every deposit and withdrawal that was answered with `success` is in the " +
			"balance of every branch in the end, once.",
		"A `request_id` names one operation: asked again, at the same branch, it happens no second time and is answered with the same " +
			"`success`; the balance may have moved on.",
		"Under `--propagate sync` a customer is answered when every branch has the write: a query at any branch that begins later shows it.",
		"Under `--propagate async` or `stream` a customer is answered at once; the others have the write soon.",
		"Alone, a branch is one copy: its answers are those of one operation after the other, in the order of their times.",
		"Messages between branches may be late, lost with their connection, or sent twice; a branch that is away is told later. All hold the " +
			"same at most 15 s after the last fault.",
	},
	Term: "It answers what it has begun, and ends.",
	Kill: "Everything that was answered with `success`, if `--data` names a folder: the branch is started again with the same flags, finds " +
		"it there, and does what is asked again under a known `request_id` no second time.",
	Private: "How branches tell each other of writes is their own business: all of them are the same program. `--peers` says where the " +
		"others are: `2=127.0.0.1:50002,3=@/path/file`, in which a file holds HOST:PORT and appears once all branches listen. Connect when " +
		"there is something to send, and use no other address: faults strike these links.",
}
