package trial

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/knobs"
	"dyno/systems/lookaside/rival"
)

// Config is what a trial and the demo run: the knobs, with what they come to
// together in place of what was given.
type Config struct {
	systems.Values
	policy, mode   string
	clients        int
	rate           float64       // of an open loop, requests per second; 0: closed
	cpu            time.Duration // of real work per request, instead of service
	service        time.Duration
	capacities     []float64 // one per server
	reportInterval time.Duration
	seed           uint64
}

// NewConfig makes sense of knobs, or says which of them exclude each other.
func NewConfig(v systems.Values, seed uint64) (Config, error) {
	c := Config{
		Values:         maps.Clone(v),
		policy:         v.Text("policy"),
		mode:           v.Text("mode"),
		clients:        v.Int("clients"),
		rate:           v.Float("rate"),
		cpu:            v.Duration("cpu"),
		service:        v.Duration("service-time"),
		capacities:     slices.Repeat([]float64{1}, v.Int("servers")),
		reportInterval: v.Duration("report-interval"),
		seed:           seed,
	}
	if err := cmp.Or(client.CheckMode(v), rival.Check(v), c.fits(v.Text("world"))); err != nil {
		return c, err
	}
	if c.cpu > 0 { // there is no model to hold the servers against
		c.service = 0
		c.Values["service-time"] = "0s"
	}
	if given := v.Floats("capacity"); copy(c.capacities, given) < len(given) {
		return c, systems.Usagef("capacity lists %d servers, but there are %d", len(given), len(c.capacities))
	}
	if share := v.Float("offered-load"); share > 0 {
		if c.rate > 0 || c.service == 0 {
			return c, systems.Usagef("offered-load %v is a share of what the servers can do: it wants a service-time, and no rate", share)
		}
		c.rate = share * c.speed() / c.service.Seconds()
		c.Values["rate"] = strconv.FormatFloat(c.rate, 'g', -1, 64)
	}
	if c.Duration("attempt") == 0 {
		c.Values["attempt"] = c.attempt().String()
	}
	return c, nil
}

// fits says whether a world has room for a configuration.
func (c *Config) fits(world string) error {
	switch {
	case world == knobs.Simulator && c.mode != client.ModeAsk:
		return systems.Usagef("mode %s: the simulator has mode %s only", c.mode, client.ModeAsk)
	case world == knobs.Simulator && rival.Asked(c.Values):
		return systems.Usagef("rival: the simulator has none")
	case world == knobs.Simulator && c.Text("mutant") != policy.MutantNone:
		return systems.Usagef("mutant %s: the simulator has none", c.Text("mutant"))
	case world == knobs.Simulator && c.Text("lie") != lie.None:
		return systems.Usagef("lie %s: the simulator tells none", c.Text("lie"))
	case world == knobs.Simulator:
		return nil
	case len(c.capacities) > knobs.MaxServers:
		return systems.Usagef("servers %d: at most %d processes; for more set world to %s", len(c.capacities), knobs.MaxServers, knobs.Simulator)
	case c.reportInterval == 0:
		return systems.Usagef("report-interval 0: give at least 1ms, or set world to %s", knobs.Simulator)
	}
	return nil
}

// speed is what all servers can do, in that of a normal one.
func (c *Config) speed() (sum float64) {
	for _, x := range c.capacities {
		sum += x
	}
	return sum
}

// attempt is what one server is given for a request before it counts as
// failed, unless the knob says: longer than it takes when all clients queue at
// the slowest one.
func (c *Config) attempt() time.Duration {
	slowest := slices.Min(c.capacities)
	// Servers that compute share the cores of the machine.
	each := max(float64(c.service+c.cpu*time.Duration(len(c.capacities))), float64(c.computing())) / slowest
	// The mean of the longest queue, half as much again for its spread (that of
	// an exponential service time matters when few wait), and what a busy
	// machine adds.
	return time.Duration(each*(1.5*float64(c.clients)+10)) + 2*time.Second
}

// computing is how long real work takes at the quota, if there is one.
func (c *Config) computing() time.Duration {
	quota := c.Float("quota")
	if quota == 0 {
		return 0
	}
	return time.Duration(float64(c.cpu) / quota)
}

// equal says that all servers are as fast.
func (c *Config) equal() bool { return slices.Min(c.capacities) == slices.Max(c.capacities) }
