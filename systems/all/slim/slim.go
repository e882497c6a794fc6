// Package slim is what the slim program knows of the systems: the roles, without
// commands and, where no role needs them, trials and checks, which would be a seventh
// of every role's memory.
// Whoever adds a system adds it here, too.
package slim

import (
	"dyno/bench/yardstick"
	"dyno/systems"
	branchbank "dyno/systems/branchbank/roles"
	byzantine "dyno/systems/byzantine/roles"
	"dyno/systems/echo"
	lookaside "dyno/systems/lookaside/roles"
	mapreduce "dyno/systems/mapreduce/roles"
	sessionbank "dyno/systems/sessionbank/roles"
	standby "dyno/systems/standby/roles"
	strife "dyno/systems/strife/roles"
	"dyno/systems/target"
)

// Systems are those whose roles the slim program runs.
var Systems = []*systems.System{
	{Name: "lookaside", Roles: lookaside.All()},
	{Name: "mapreduce", Roles: mapreduce.All()},
	{Name: "strife", Roles: strife.All()},
	{Name: "sessionbank", Roles: sessionbank.All()},
	{Name: "standby", Roles: standby.All()},
	{Name: "byzantine", Roles: byzantine.All()},
	{Name: "branchbank", Roles: branchbank.All()},
	{Name: "echo", Roles: echo.Roles()},
	{Name: "target", Roles: target.Roles()},
	yardstick.System,
}
