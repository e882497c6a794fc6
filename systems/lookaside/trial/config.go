package trial

import (
	"cmp"
	"slices"
	"time"

	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/core/policy"
)

// config is what a trial and the demo run.
type config struct {
	policy         string
	clients        int
	rate           float64       // of an open loop, requests per second; 0: closed
	cpu            time.Duration // of real work per request, instead of service
	quota          float64       // cores that each server is allowed; 0: all there are
	mode, choose   string
	lie            string
	retries        int
	patience       time.Duration // what one server is given to answer; 0: as attempt says
	fault          string        // empty: none
	service        time.Duration
	distribution   string
	capacities     []float64 // one per server
	reportInterval time.Duration
	mutant         string // of the policy
	seed           uint64
}

func NewConfig(v systems.Values, seed uint64) (config, error) {
	c := config{
		policy:         v.Text("policy"),
		clients:        v.Int("clients"),
		service:        v.Duration("service-time"),
		mode:           v.Text("mode"),
		choose:         v.Text("choose"),
		lie:            v.Text("lie"),
		retries:        v.Int("retries"),
		patience:       v.Duration("attempt"),
		distribution:   v.Text("distribution"),
		capacities:     make([]float64, v.Int("servers")),
		reportInterval: v.Duration("report-interval"),
		quota:          v.Float("quota"),
		mutant:         v.Text("mutant"),
		seed:           seed,
	}
	if err := cmp.Or(client.CheckMode(c.mode, c.choose), c.fits(v.Text("world"))); err != nil {
		return c, err
	}
	if c.cpu = v.Duration("cpu"); c.cpu > 0 {
		c.service = 0 // there is no model to hold the servers against
	}
	if c.fault = v.Text("fault"); c.fault == noFault {
		c.fault = ""
	}
	given := v.Floats("capacity")
	if len(given) > len(c.capacities) {
		return c, systems.Usagef("capacity lists %d servers, but there are %d", len(given), len(c.capacities))
	}
	for i := range c.capacities {
		c.capacities[i] = 1
		if i < len(given) {
			c.capacities[i] = given[i]
		}
	}
	c.rate = v.Float("rate")
	if share := v.Float("offered-load"); share > 0 {
		if c.rate > 0 || c.service == 0 {
			return c, systems.Usagef("offered-load %v is a share of what the servers can do: it wants a service-time, and no rate", share)
		}
		c.rate = share * c.speed() / c.service.Seconds()
	}
	return c, nil
}

// fits says whether a world has room for a configuration.
func (c *config) fits(world string) error {
	switch {
	case world == worldSimulator && c.mode != client.ModeAsk:
		return systems.Usagef("mode %s: the simulator has mode %s only", c.mode, client.ModeAsk)
	case world == worldSimulator && c.mutant != policy.MutantNone:
		return systems.Usagef("mutant %s: the simulator has none", c.mutant)
	case world == worldSimulator && c.lie != lie.None:
		return systems.Usagef("lie %s: the simulator tells none", c.lie)
	case world == worldSimulator:
		return nil
	case len(c.capacities) > maxServers:
		return systems.Usagef("servers %d: at most %d processes; for more set world to %s", len(c.capacities), maxServers, worldSimulator)
	case c.reportInterval == 0:
		return systems.Usagef("report-interval 0: give at least 1ms, or set world to %s", worldSimulator)
	}
	return nil
}

// speed is what all servers can do, in that of a normal one.
func (c *config) speed() (sum float64) {
	for _, x := range c.capacities {
		sum += x
	}
	return sum
}

// attempt is what one server is given for a request before it counts as
// failed: longer than it takes when all clients queue at the slowest one.
func (c *config) attempt() time.Duration {
	if c.patience > 0 {
		return c.patience
	}
	slowest := c.capacities[0]
	for _, x := range c.capacities {
		slowest = min(slowest, x)
	}
	// Servers that compute share the cores of the machine.
	each := max(float64(c.service+c.cpu*time.Duration(len(c.capacities))), float64(c.computing())) / slowest
	// The mean of the longest queue, half as much again for its spread (that of
	// an exponential service time matters when few wait), and what a busy
	// machine adds.
	return time.Duration(each*(1.5*float64(c.clients)+10)) + 2*time.Second
}

// computing is how long real work takes at the quota, if there is one.
func (c *config) computing() time.Duration {
	if c.quota == 0 {
		return 0
	}
	return time.Duration(float64(c.cpu) / c.quota)
}

// equal says that all servers are as fast.
func (c *config) equal() bool { return slices.Min(c.capacities) == slices.Max(c.capacities) }
