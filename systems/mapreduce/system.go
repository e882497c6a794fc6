package mapreduce

import (
	_ "embed"

	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/roles"
	"dyno/systems/mapreduce/trial"
)

// System is MapReduce on the bench.
var System = &systems.System{
	Name:     "mapreduce",
	Summary:  "MapReduce: a master hands out map and reduce tasks to workers, and sees to it that they get done",
	Roles:    roles.All(),
	Commands: []systems.Command{runCommand(), statusCommand()},
	Knobs:    config.Knobs,
	Metrics:  trial.Metrics,
	Trial:    trial.Run,
	Explain:  trial.Explain,
	Overhead: trial.Overhead,
	Contract: contract,
	Report:   reportTemplate,
}

//go:embed contract.yaml
var contract string

//go:embed report.md.tmpl
var reportTemplate string
