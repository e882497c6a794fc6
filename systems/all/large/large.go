// Package large is what the program for large roles knows of the systems: those roles,
// and nothing of the command line, whose libraries they would start with.
package large

import (
	"dyno/systems"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/directory/registry"
)

// Systems are those with roles that say they are Large.
func Systems() []*systems.System {
	directory.Registry = registry.Serve // see there
	return []*systems.System{{Name: "lookaside", Roles: []systems.Role{directory.Role()}}}
}
