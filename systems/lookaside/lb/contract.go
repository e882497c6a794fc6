package lb

import (
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for the balancer.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: lookasidev1.BalancerService_ListServers_FullMethodName,
			Does: "Shows the table in registration order, with what was picked, audited and reported: the trial asks for it before and after " +
				"the load.",
		},
		{
			Method: lookasidev1.BalancerService_Pick_FullMethodName,
			Does:   "Chooses a server for one request, by the policy; `UNAVAILABLE` when there is none. It never waits for one.",
		},
		{
			Method: lookasidev1.BalancerService_PickMany_FullMethodName,
			Does:   "Is the same for many requests over one stream, which clients prefer: each frame is answered by one, in order.",
		},
		{
			Method: lookasidev1.BalancerService_Watch_FullMethodName,
			Does:   "Streams the servers to clients that choose by themselves: all of them first, then what changes.",
		},
		{
			Method: lookasidev1.BalancerService_Register_FullMethodName,
			Does:   "Returns once the balancer has read the server's entry in etcd and may pick it.",
		},
		{
			Method: lookasidev1.BalancerService_Report_FullMethodName,
			Does:   "Takes a server's load for as long as both live.",
		},
	},
	Promises: []string{
		"It follows the servers' entries in etcd (`--discovery`), and announces its own address there once it has read them.",
		"Every pick is a server that is there, and is counted once in the table. One that has gone is picked no more once its lease is over " +
			"and a second has passed.",
		"Under `--policy round_robin` the counts of servers that were there all the time differ by at most 1; `pick_first` picks the one " +
			"that registered first; `random` is fair dice; `least_load` passes over no idle server.",
		"A server that a client names as failed is avoided as long as there is another one.",
	},
	Term: "It ends its streams with `UNAVAILABLE`, takes its entry out of etcd.",
	Kill: "Nothing: another balancer, started at any address, reads all it needs from etcd and the servers' reports.",
}
