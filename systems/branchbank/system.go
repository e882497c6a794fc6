package branchbank

import (
	_ "embed"

	"dyno/systems"
	"dyno/systems/branchbank/rival"
	"dyno/systems/branchbank/roles"
	"dyno/systems/branchbank/trial"
)

const name = "branchbank"

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var section string

// System is the replicated bank on the bench.
var System = rival.Arm().Join(systems.System{
	Name:     name,
	Summary:  "one account, many branches: each holds a replica of the balance and propagates deposits and withdrawals to all others",
	Roles:    roles.All(),
	Commands: []systems.Command{runCommand()},
	Knobs:    trial.Knobs,
	Metrics:  trial.Metrics,
	Trial:    trial.Trial,
	Check:    trial.Check,
	Overhead: trial.Overhead,
	Judge:    trial.Judge,
	Explain:  trial.Explain,
	Contract: contract,
	Report:   section,
})
