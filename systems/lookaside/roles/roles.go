// Package roles are those of lookaside, without its trial: what the slim program links.
package roles

import (
	"dyno/bench/rival"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/knobs"
	"dyno/systems/lookaside/lb"
	"dyno/systems/lookaside/server"
)

// All are the roles.
func All() []systems.Role {
	return []systems.Role{
		directory.Role(), lb.Role(knobs.All), server.Role(knobs.All), client.Role(knobs.All), rival.Role("lookaside", rival.RoleServer),
	}
}
