// Package whole links what roles with [systems.Role].Whole need: libraries that
// are larger than all other roles together. dyno links it; the slim program that
// runs the roles beside it does not, for heap and code that nobody uses would be
// measured with every process.
package whole

import (
	_ "google.golang.org/grpc/xds" // for addresses xds:///NAME of target, with their policies

	"dyno/bench/driver"
	"dyno/bench/driver/ghz"
	"dyno/bench/sample/exported"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/directory/registry"
	"dyno/systems/target"
	"dyno/systems/target/compile"
)

// Link is called before a role is run.
func Link() {
	driver.RunGHZ = ghz.Run
	directory.Registry = registry.Serve
	target.Exported = exported.Series
	target.Compile, target.Fill = compile.Files, compile.Fill
}
