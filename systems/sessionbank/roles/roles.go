// Package roles are those of sessionbank, without its trial: what the slim program links.
package roles

import (
	"dyno/systems"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/trial"
)

// All are the roles.
func All() []systems.Role { return []systems.Role{branch.Role, trial.ClientRole} }
