package echo

import (
	"errors"
	"fmt"
	"math"
	"time"

	"dyno/bench/driver"
	"dyno/systems"
)

// cell is what the knobs say.
type cell struct {
	driver       string
	rate         float64
	arrivals     string
	stall        time.Duration
	service      time.Duration
	distribution string
	clients      int
	mutant       string
	lie          string
}

func newCell(v systems.Values) *cell {
	return &cell{
		driver:       v.Text(knobDriver),
		rate:         v.Float(knobRate),
		arrivals:     v.Text(knobArrivals),
		stall:        v.Duration(knobStall),
		service:      v.Duration(knobServiceTime),
		distribution: v.Text(knobDistribution),
		clients:      v.Int(knobClients),
		mutant:       v.Text(knobMutant),
		lie:          v.Text(knobLie),
	}
}

// check refuses a cell that would not measure what it says.
func (c *cell) check(set systems.Setting) error {
	if err := driver.Fits(c.driver, set.Load); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	switch {
	case c.driver == driver.Search && c.stall > 0:
		return errors.New("echo: a search with a stall: every probe but one would be of a server without")
	case !stallFits(set.Length, c.stall):
		return fmt.Errorf("echo: a stall of %v from a third of the window on does not end in a window of %v: measure for longer", c.stall, set.Length)
	case driver.IsGHZ(c.driver) && c.rate != math.Trunc(c.rate):
		return fmt.Errorf("echo: ghz knows whole rates only, not %v per second", c.rate)
	}
	if err := driver.Window(c.driver, c.rate, set.Length); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	return c.checkMutant()
}

// timeConstant is how long the queue remembers: an open one's relaxation time,
// or the time that a closed loop's clients take to pass. An echo without
// service time remembers nothing.
func timeConstant(v systems.Values) time.Duration {
	c := newCell(v)
	if c.driver == driver.Search {
		return 0 // another one at each rate: the experiment's times must do
	}
	if c.driver == driver.Closed || driver.IsGHZ(c.driver) {
		return time.Duration(c.clients) * c.service
	}
	rho := c.rate * c.service.Seconds()
	if rho >= 1 {
		return 0 // it grows for ever: no time would do
	}
	gap := 1 - math.Sqrt(rho)
	return time.Duration(float64(c.service) / (gap * gap))
}
