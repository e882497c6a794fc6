// Package strife is a payment gateway over banks, with two-phase commit.
package strife

import (
	_ "embed"
	"slices"

	"dyno/systems"
	"dyno/systems/strife/command"
	"dyno/systems/strife/demo"
	"dyno/systems/strife/deploy"
	"dyno/systems/strife/rival"
	"dyno/systems/strife/roles"
	"dyno/systems/strife/trial"
)

const name = "strife"

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var section string

// System is strife on the bench.
var System = rival.Arm().Join(systems.System{
	Name:     name,
	Summary:  "a payment gateway over banks, with two-phase commit",
	Roles:    roles.All(),
	Commands: slices.Concat([]systems.Command{deploy.Init(), deploy.Up(), demo.Command()}, command.All()),
	Knobs:    trial.Knobs,
	Metrics:  trial.Metrics(),
	Trial:    trial.Run,
	Overhead: trial.Overhead,
	Judge:    trial.Judge,
	Explain:  trial.Explain,
	Check:    trial.Check,
	Contract: contract,
	Report:   section,
})
