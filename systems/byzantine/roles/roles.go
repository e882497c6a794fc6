// Package roles are those of byzantine, without its commands: what the slim program links.
// The role memory is in the room of the trial, which is linked with it.
package roles

import (
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/trial"
)

// All are the roles.
func All() []systems.Role { return []systems.Role{cluster.Role(), trial.Role()} }
