// Package rival is what people put between clients and servers of gRPC instead
// of a look-aside balancer: a proxy (nginx, HAProxy) in front of the same servers,
// under the policy of the same meaning. All clients share one connection to it, as
// they share a channel otherwise; it asks as many servers for a request as the
// clients would, and gives each as long.
package rival

import (
	"context"
	_ "embed"
	"maps"
	"slices"
	"time"

	"dyno/bench/rival"
	"dyno/systems"
	"dyno/systems/lookaside/core/policy"
)

// Section is the rivals' part of the system's section of the report.
//
//go:embed compared.md.tmpl
var Section string

// noPolicy is the mutant: the proxy is configured to throw dice.
const noPolicy = "no-policy"

// balances are what the balancer's policies are called in proxies.
var balances = map[string]rival.Balance{
	policy.RoundRobin.Name: rival.RoundRobin, policy.LeastLoad.Name: rival.LeastConnections, policy.PowerOfTwo.Name: rival.RandomTwo,
}

// Knobs are those by which a trial has a proxy instead of the balancer.
var Knobs = rival.Choices{
	Rivals: rival.Choice{
		Of: []string{"haproxy", "nginx"},
		Help: "a proxy through which all requests go, instead of mode, under the policy that it has: round_robin, least_load (least " +
			"connections) or power_of_two (random two)",
	},
	Mutants: rival.Choice{
		Of:   []string{noPolicy},
		Help: "what is left out of the proxy's configuration, for the checks to find: its policy, so that it throws dice",
	},
}.Knobs()

// Asked says whether a trial has a proxy; the demo, which has not these knobs, has none.
func Asked(v systems.Values) bool { return v[rival.Knob] != "" && v[rival.Knob] != rival.None }

// Check refuses policies that proxies do not have.
func Check(v systems.Values) error {
	if _, ok := balances[v.Text("policy")]; Asked(v) && !ok {
		return systems.Usagef("rival %s: policy %w", v.Text(rival.Knob),
			&systems.ChoiceError{Word: v.Text("policy"), Allowed: slices.Sorted(maps.Keys(balances))})
	}
	return nil
}

// Proxy is one in its room, which ends with it.
type Proxy struct {
	*rival.Proxy
	Room *rival.Room
}

// Start starts the proxy that a trial asks for, in front of servers; it is ready
// when ready says so of its address.
func Start(
	ctx context.Context, b systems.Bench, v systems.Values, servers []string, attempt time.Duration,
	ready func(ctx context.Context, addr string) error,
) (*Proxy, error) {
	room, err := rival.Open(b)
	if err != nil {
		return nil, err
	}
	balance := balances[v.Text("policy")]
	if v.Text(rival.KnobMutant) == noPolicy {
		balance = rival.Coin
	}
	start := map[string]func(context.Context, rival.ProxyOptions) (*rival.Proxy, error){ // here, not linked into roles
		"nginx": room.Nginx, "haproxy": room.HAProxy,
	}[v.Text(rival.Knob)]
	p, err := start(ctx, rival.ProxyOptions{
		Balance: balance, Servers: servers, Attempt: attempt, Retries: v.Int("retries"), Ready: ready,
	})
	if err != nil {
		_ = room.Close() // the first error says more
		return nil, err
	}
	return &Proxy{p, room}, nil
}
