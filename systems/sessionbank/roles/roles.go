// Package roles are those of sessionbank, without its commands: what the slim program links.
// The client is in the room of the trial, which is linked with it.
package roles

import (
	"dyno/systems"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/trial"
)

// All are the roles.
func All() []systems.Role { return []systems.Role{branch.Role, trial.ClientRole} }
