package lookaside

import (
	_ "embed"

	"dyno/bench/rival"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/demo"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/lb"
	lbrival "dyno/systems/lookaside/rival"
	"dyno/systems/lookaside/server"
	"dyno/systems/lookaside/trial"
)

// System is the look-aside load balancer on the bench.
var System = &systems.System{
	Name:    "lookaside",
	Summary: "a look-aside load balancer: clients ask it which server to use and send their work straight there",
	Roles: []systems.Role{
		directory.Role(), lb.Role(trial.Knobs), server.Role(trial.Knobs), client.Role(trial.Knobs), rival.Role("lookaside", rival.RoleServer),
	},
	Commands:     []systems.Command{demo.Command(trial.Knobs)},
	Knobs:        trial.Knobs,
	Metrics:      trial.Metrics,
	Trial:        trial.Measure,
	Check:        trial.Measurable,
	Judge:        trial.Judge,
	Explain:      trial.Explain,
	TimeConstant: trial.TimeConstant,
	Overhead:     trial.Overhead,
	Ladder:       ladder,
	Report:       reportTemplate + lbrival.Section,
}

//go:embed report.md.tmpl
var reportTemplate string
