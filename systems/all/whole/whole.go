// Package whole links what roles with [systems.Role].Whole need: libraries that
// are larger than all other roles together. The program dyno-whole links it; not
// the slim one, for heap and code that nobody uses would be measured with every
// process; nor dyno, which takes two thirds of the time to build without.
package whole

import (
	_ "google.golang.org/grpc/xds" // for addresses xds:///NAME of target, with their policies

	"dyno/bench/driver"
	"dyno/bench/driver/ghz"
	"dyno/bench/process"
	"dyno/bench/sample/exported"
	"dyno/internal/rpc"
	"dyno/internal/telemetry"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/directory/registry"
	"dyno/systems/target"
	"dyno/systems/target/compile"
)

// Link is called before a role is run.
func Link() {
	process.Linked = true
	driver.RunGHZ = ghz.Run
	rpc.Telemetry = telemetry.Start
	directory.Registry = registry.Serve
	target.Exported = exported.Series
	target.Compile, target.Fill = compile.Files, compile.Fill
}
