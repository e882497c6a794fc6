package sessionbank

import (
	_ "embed"

	"dyno/systems"
	"dyno/systems/sessionbank/roles"
	"dyno/systems/sessionbank/trial"
)

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var section string

// System is the bank on the bench.
var System = &systems.System{
	Name:     "sessionbank",
	Summary:  "customers move between the branches of a bank: session guarantees, and what each costs",
	Roles:    roles.All(),
	Commands: []systems.Command{runCommand()},
	Knobs:    trial.Knobs,
	Metrics:  trial.Metrics(),
	Trial:    trial.Trial,
	Check:    trial.Check,
	Overhead: trial.Overhead,
	Judge:    trial.Judge,
	Contract: contract,
	Explain:  trial.Explain,
	Report:   section,
}
