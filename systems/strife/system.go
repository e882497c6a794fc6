// Package strife is a payment gateway over banks, with two-phase commit.
package strife

import (
	_ "embed"

	"slices"

	"dyno/systems"
	"dyno/systems/strife/bank"
	"dyno/systems/strife/command"
	"dyno/systems/strife/deploy"
	"dyno/systems/strife/gateway"
)

//go:embed report.md.tmpl
var section string

// System is strife on the bench.
var System = &systems.System{
	Name:     "strife",
	Summary:  "a payment gateway over banks, with two-phase commit",
	Roles:    []systems.Role{gateway.Role(), bank.Role()},
	Commands: slices.Concat([]systems.Command{deploy.Init(), deploy.Up()}, command.All()),
	Report:   section,
}
