// Package roles are those of mapreduce, without its trial: what the slim program links.
package roles

import (
	"dyno/systems"
	"dyno/systems/mapreduce/master"
	"dyno/systems/mapreduce/peer"
	"dyno/systems/mapreduce/worker"
)

// All are the roles.
func All() []systems.Role { return []systems.Role{master.Role(), worker.Role(), peer.Role()} }
