package standby

import (
	_ "embed"
	"slices"

	"dyno/systems"
	"dyno/systems/standby/demo"
	"dyno/systems/standby/generator"
	"dyno/systems/standby/menu"
	"dyno/systems/standby/operator"
	"dyno/systems/standby/rival"
	"dyno/systems/standby/server"
	"dyno/systems/standby/trial"
)

const name = "standby"

//go:embed report.md.tmpl
var section string

// System is standby on the bench.
var System = rival.Arm(name).Join(systems.System{
	Name:     name,
	Summary:  "a primary and its standby, behind an interface that hides which is which",
	Roles:    slices.Concat(server.Roles(), []systems.Role{generator.New()}),
	Commands: append([]systems.Command{menu.Command(), demo.Command()}, operator.Commands()...),
	Knobs:    trial.Knobs,
	Metrics:  trial.Metrics,
	Trial:    trial.Trial,
	Check:    trial.Check,
	Overhead: trial.Overhead,
	Judge:    trial.Judge,
	Ladder:   ladder,
	Explain:  trial.Explain,
	Report:   section,
})
