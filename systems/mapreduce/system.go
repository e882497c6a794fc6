package mapreduce

import (
	_ "embed"

	"dyno/systems"
)

// System is MapReduce on the bench.
var System = &systems.System{
	Name:     "mapreduce",
	Summary:  "MapReduce: a master hands out map and reduce tasks to workers, and sees to it that they get done",
	Roles:    []systems.Role{masterRole(), workerRole(), peerRole()},
	Commands: []systems.Command{runCommand(), statusCommand()},
	Knobs:    knobs,
	Metrics:  metrics,
	Trial:    trial,
	Report:   reportTemplate,
}

//go:embed report.md.tmpl
var reportTemplate string
