// Package roles are those of byzantine, without its trial: what the slim program links.
package roles

import (
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/trial"
)

// All are the roles.
func All() []systems.Role { return []systems.Role{cluster.Role(), trial.Role()} }
