package byzantine

import (
	_ "embed"
	"time"

	"dyno/systems"
	"dyno/systems/byzantine/play"
	"dyno/systems/byzantine/roles"
	"dyno/systems/byzantine/trial"
)

const name = "byzantine"

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var section string

// System is the Byzantine generals on the bench.
var System = &systems.System{
	Name:     name,
	Summary:  "Byzantine generals: n of them agree on an order though t are traitors",
	Roles:    roles.All(),
	Commands: []systems.Command{runCommand(), searchCommand()},
	Knobs:    play.Knobs,
	Metrics:  trial.Metrics(),
	Trial:    trial.Run,
	Explain:  trial.Explain,
	Overhead: func(systems.Values) time.Duration { return 150 * time.Millisecond },
	Contract: contract,
	Report:   section,
}
