// Package roles are those of lookaside, without its trial: what the slim program links.
package roles

import (
	"dyno/bench/rival"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/lb"
	"dyno/systems/lookaside/server"
	"dyno/systems/lookaside/trial"
)

// All are the roles.
func All() []systems.Role {
	return []systems.Role{
		directory.Role(), lb.Role(trial.Knobs), server.Role(trial.Knobs), client.Role(trial.Knobs), rival.Role("lookaside", rival.RoleServer),
	}
}
