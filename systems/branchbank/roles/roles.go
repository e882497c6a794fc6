// Package roles are those of branchbank, without its trial: what the slim program links.
package roles

import (
	"dyno/systems"
	"dyno/systems/branchbank/client"
	"dyno/systems/branchbank/rival"
	"dyno/systems/branchbank/server"
)

// All are the roles.
func All() []systems.Role {
	return append([]systems.Role{server.Role(), client.Role()}, rival.Roles("branchbank")...)
}
