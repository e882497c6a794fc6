package sim

import "time"

// Clock is how a node's own clock differs from virtual time. Its reading is
// Offset + t·(1 + PPM/10⁶).
type Clock struct {
	Offset time.Duration // not negative
	PPM    int64         // parts per million that it runs fast, or slow if negative; within ±100,000
}

const (
	million = 1_000_000
	maxPPM  = 100_000
)

func (c Clock) check(name string) error {
	if c.Offset < 0 || c.Offset > maxTime || max(c.PPM, -c.PPM) > maxPPM {
		return misused("the clock of %s is %+v, want an offset between 0 and %v, and at most ±%d PPM", name, c, maxTime, maxPPM)
	}
	return nil
}

// read returns the clock's reading at a moment of virtual time, both in ns.
func (c Clock) read(now int64) int64 {
	return now + int64(c.Offset) + now/million*c.PPM + now%million*c.PPM/million
}

// after returns the first moment at which the clock has advanced by wait.
func (c Clock) after(now int64, wait time.Duration) int64 {
	if c.PPM == 0 || wait > maxTime {
		return later(now, wait)
	}
	wait = max(wait, 0)
	due, rate := c.read(now)+int64(wait), million+c.PPM
	at := now + int64(wait)/rate*million + int64(wait)%rate*million/rate
	for c.read(at) < due {
		at++
	}
	for at > now && c.read(at-1) >= due {
		at--
	}
	return at
}
