// Package roles are those of standby, without its trial: what the slim program links.
package roles

import (
	"slices"

	"dyno/systems"
	"dyno/systems/standby/generator"
	"dyno/systems/standby/rival"
	"dyno/systems/standby/server"
)

// All are the roles.
func All() []systems.Role {
	return slices.Concat(server.Roles(), []systems.Role{generator.New()}, rival.Roles("standby"))
}
