package standby

import (
	_ "embed"

	"dyno/systems"
	"dyno/systems/standby/demo"
	"dyno/systems/standby/menu"
	"dyno/systems/standby/operator"
	"dyno/systems/standby/rival"
	"dyno/systems/standby/roles"
	"dyno/systems/standby/trial"
)

const name = "standby"

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var section string

// System is standby on the bench.
var System = rival.Arm().Join(systems.System{
	Name:     name,
	Summary:  "a primary and its standby, behind an interface that hides which is which",
	Roles:    roles.All(),
	Commands: append([]systems.Command{menu.Command(), demo.Command()}, operator.Commands()...),
	Knobs:    trial.Knobs,
	Metrics:  trial.Metrics,
	Trial:    trial.Trial,
	Check:    trial.Check,
	Overhead: trial.Overhead,
	Judge:    trial.Judge,
	Contract: contract,
	Explain:  trial.Explain,
	Report:   section,
})
