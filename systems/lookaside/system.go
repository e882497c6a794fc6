package lookaside

import (
	_ "embed"

	"dyno/systems"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/demo"
	"dyno/systems/lookaside/knobs"
	lbrival "dyno/systems/lookaside/rival"
	"dyno/systems/lookaside/roles"
	"dyno/systems/lookaside/trial"
)

// System is the look-aside load balancer on the bench.
var System = &systems.System{
	Name:         "lookaside",
	Summary:      "a look-aside load balancer: clients ask it which server to use and send their work straight there",
	Roles:        roles.All(),
	Commands:     []systems.Command{demo.Command(knobs.All)},
	Knobs:        knobs.All,
	Metrics:      trial.Metrics,
	Trial:        trial.Measure,
	Check:        trial.Measurable,
	Judge:        trial.Judge,
	Explain:      trial.Explain,
	TimeConstant: trial.TimeConstant,
	Overhead:     trial.Overhead,
	OfFigures:    []string{check.Punctual},
	Contract:     contract,
	Report:       reportTemplate + lbrival.Section,
}

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var reportTemplate string
