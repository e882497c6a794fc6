// Package all is the one list of the systems on the bench. A new system is one
// line here.
package all

import (
	"dyno/systems"
	"dyno/systems/branchbank"
	"dyno/systems/byzantine"
	"dyno/systems/echo"
	"dyno/systems/lookaside"
	"dyno/systems/mapreduce"
	"dyno/systems/sessionbank"
	"dyno/systems/standby"
	"dyno/systems/strife"
	"dyno/systems/target"
)

// Systems are in the order in which lists and the report show them.
var Systems = []*systems.System{
	lookaside.System,
	mapreduce.System,
	strife.System,
	sessionbank.System,
	standby.System,
	byzantine.System,
	branchbank.System,
	echo.New(),
	target.New(),
}
