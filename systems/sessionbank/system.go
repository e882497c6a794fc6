package sessionbank

import (
	"dyno/systems"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/trial"
)

// System is the bank on the bench.
var System = &systems.System{
	Name:     "sessionbank",
	Summary:  "customers move between the branches of a bank: session guarantees, and what each costs",
	Roles:    []systems.Role{branch.Role},
	Commands: []systems.Command{runCommand()},
	Knobs:    trial.Knobs,
}
