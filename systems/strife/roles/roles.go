// Package roles are those of strife, without its commands: what the slim program links.
// The trial is linked with them, for the load takes its knobs.
package roles

import (
	"dyno/bench/rival"
	"dyno/systems"
	"dyno/systems/strife/bank"
	"dyno/systems/strife/gateway"
	"dyno/systems/strife/load"
	"dyno/systems/strife/trial"
)

// All are the roles.
func All() []systems.Role {
	return append([]systems.Role{gateway.Role(), bank.Role(), load.Role(trial.Knobs), load.OfflineRole()}, rival.Roles("strife")...)
}
