package gateway

import (
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for the gateway.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: strifev1.GatewayService_Login_FullMethodName,
			Does:   "Opens a session for the certificate's user.",
		},
		{
			Method: strifev1.GatewayService_Pay_FullMethodName,
			Does: "Moves money once per key, however often it is asked: the answer to a key that is finished is the stored one. Which errors " +
				"are final is said in the proto file.",
		},
		{
			Method: strifev1.GatewayService_GetPayment_FullMethodName,
			Does:   "Tells how a payment of the session's user stands.",
		},
		{
			Method: strifev1.GatewayService_CancelPayment_FullMethodName,
			Does:   "Makes sure that a key is never paid from now on, unless it has been.",
		},
		{
			Method: strifev1.GatewayService_GetBalance_FullMethodName,
			Does:   "Asks the user's bank; the answer reflects every payment that was acknowledged before the question.",
		},
		{
			Method: strifev1.AdminService_ListInDoubt_FullMethodName,
			Does:   "Tells an admin which transactions a bank cannot decide: the trial waits until there are none.",
		},
		{
			Method: strifev1.CoordinatorService_Inquire_FullMethodName,
			Does:   "Tells a bank the outcome of transactions in which it takes part; `UNAVAILABLE` while it is not known which there are.",
		},
	},
	Promises: []string{
		"Users, passwords and certificates are in the folder of `--dir`; `--addresses` is a file that says where the banks are, and changes.",
		"A payment is committed when all its banks have voted yes within `--prepare-timeout`, and that is durable; else it is aborted.",
		"What a user was told is final: paid stays paid, declined stays declined, under the same key for ever.",
		"Transactions are named by gateway, epoch and number, none twice; each start of the gateway is a later epoch.",
	},
	Term: "It answers what it has begun, and ends.",
	Kill: "Every decision to commit before anybody hears of it, and every answer to a key.",
}
