package sessionbank

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check. Customers go to another branch for each
// operation, but where one is told to stay.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "A single branch answers a session's queries, deposits and withdrawals.",
		Knobs:  map[string]string{"branches": "1", "clients": "1", "guarantees": "none"},
		Length: 300 * time.Millisecond,
	},
	{
		Name: "two-sessions", Promise: "Two sessions at a single branch lose nothing of each other's.",
		Knobs:  map[string]string{"branches": "1", "clients": "2", "guarantees": "none"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "replicas", Promise: "Every write is applied at every branch, once.",
		Knobs:  map[string]string{"branches": "3", "clients": "2", "guarantees": "none"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "reads-its-writes", Promise: "A session that moves on reads what it wrote.",
		Knobs:  map[string]string{"branches": "3", "clients": "2", "guarantees": "ryw", "delay": "10ms"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "reads-on", Promise: "A session never reads less than it has read.",
		Knobs:  map[string]string{"branches": "3", "clients": "2", "guarantees": "mr", "delay": "10ms"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "writes-in-order", Promise: "A session's writes are applied in their order, and after what it had read.",
		Knobs:  map[string]string{"branches": "3", "clients": "2", "guarantees": "mw,wfr", "delay": "10ms"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "load", Promise: "Twelve sessions have all four guarantees together.",
		Knobs:  map[string]string{"branches": "3", "clients": "12", "guarantees": "all", "delay": "5ms"},
		Warmup: 100 * time.Millisecond, Length: time.Second,
	},
	{
		Name: "cut-off", Promise: "A branch that was cut off for 300 ms keeps nobody from his guarantees, and catches up.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "cut b2-b1,b3@300ms..600ms"},
		Length: 1500 * time.Millisecond, MaxFailures: "10%",
	},
	{
		Name: "paused", Promise: "A branch that stood still for 300 ms goes on as if nothing had been.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "pause b2@300ms..600ms"},
		Length: 1500 * time.Millisecond, MaxFailures: "10%",
	},
	{
		Name: "killed", Promise: "A branch that was killed forgets nothing that was answered, nor whose request it did.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "kill b2@300ms..600ms"},
		Length: 2500 * time.Millisecond, MaxFailures: "10%",
	},
	{
		Name: "costs", Promise: "Throughput, response times, tokens and processor time, beside dyno's own branches.",
		Knobs:  map[string]string{"branches": "3", "clients": "8"},
		Warmup: 200 * time.Millisecond, Length: time.Second,
		Costs: []string{"throughput_rps", "response.p50", "response.p99", "token_bytes", "cpu_us_per_request"},
	},
}
