package client

import (
	"time"

	"dyno/systems"
	"dyno/systems/standby/config"
)

// maxBound is as long as anybody waits for a bank.
const maxBound = time.Hour

// Bind declares the flags that say how to reach the bank; what it returns is
// called once they are parsed, and dials.
func Bind(fs systems.FlagSet) func() (*Bank, error) {
	o := &Options{}
	fs.StringVar(&o.File, "config", config.DefaultFile, "`FILE` with the servers' addresses, such as "+config.HostsExample)
	fs.DurationVar(&o.Attempt, "attempt", DefaultAttempt, "how long a server may take to answer before the other one is asked")
	fs.DurationVar(&o.Bound, "bound", DefaultBound, "how long a request is tried")
	return func() (bank *Bank, err error) {
		if o.Attempt <= 0 || o.Bound <= 0 || o.Bound > maxBound {
			return nil, systems.Usagef("--attempt %v --bound %v: give times above 0s, and a bound of %v at most", o.Attempt, o.Bound, maxBound)
		}
		if o.Hosts, err = config.ReadHosts(o.File); err != nil {
			return nil, err
		}
		return Dial(*o)
	}
}
