package server

import (
	"flag"

	"dyno/systems"
)

// OneWork returns a check that not both kinds of work were asked for: that
// --service-time was not given together with --cpu, whatever its default.
func OneWork(fs systems.FlagSet, knobs systems.Values) func() error {
	model := fs.Lookup("service-time")
	given := &givenFlag{Value: model.Value}
	model.Value = given
	return func() error {
		cpu := knobs.Duration("cpu")
		if !given.set || cpu == 0 || knobs.Duration("service-time") == 0 {
			return nil
		}
		return systems.Usagef("--service-time %v and --cpu %v: give one of them; a request takes modelled time or real work", knobs.Duration("service-time"), cpu)
	}
}

// givenFlag notes that a flag was given. The set of flags itself does not know:
// the command line parses a copy.
type givenFlag struct {
	flag.Value
	set bool
}

// Set implements [flag.Value].
func (g *givenFlag) Set(text string) error {
	g.set = true
	return g.Value.Set(text)
}

// Type is what help calls the flag's value.
func (g *givenFlag) Type() string {
	if t, ok := g.Value.(interface{ Type() string }); ok {
		return t.Type()
	}
	return "value"
}
