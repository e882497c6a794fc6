package server

import (
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a server.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: lookasidev1.ComputeService_Compute_FullMethodName,
			Does: "Is the work: SHA-256 of a seed (eight bytes, big-endian), and of each digest again, for a number of rounds; the answer is " +
				"the last digest's first eight bytes. It serves one request after the other, each for a time drawn from `--distribution` with " +
				"the mean `--service-time` over `--capacity`, which the answer tells.",
		},
		{
			Method: lookasidev1.ComputeService_GetStats_FullMethodName,
			Does:   "Tells what it counted since it started: requests, time busy, requests in flight and their integral over time.",
		},
		{
			Method: lookasidev1.ComputeService_Probe_FullMethodName,
			Does:   "Tells how busy it is at this moment, for policies that probe.",
		},
	},
	Promises: []string{
		"Before it serves it registers: an entry in etcd (`--discovery`) under its lease, then `Register` at the balancer; with `--after NAME` " +
			"only once that server has.",
		"It reports its load to the balancer every `--report-interval`, on one stream.",
		"Every answer is right, every request is counted once, and the integral of requests in flight is the sum of their times (Little's law).",
	},
	Term: "It leaves the directory, answers what it has taken on.",
	Kill: "Nothing: its lease ends, and with it its entry.",
}
