// Package systemtest is the suite that every system passes, and the TestMain
// that lets its tests start real processes.
//
//	func TestMain(m *testing.M) { systemtest.Main(m, cli.Main) }
//
//	func TestConforms(t *testing.T) {
//		systemtest.Conform(t, lookaside.System, systemtest.Options{…})
//	}
//
// [Conform] holds a system to the contract of package systems: what it
// declares is complete and consistent, its roles serve, stop, come back and fail
// as they should, and its trial observes something, proves it, can be judged
// again, and can be called off.
//
// Every check is a function that returns an error, and the package's own tests
// show for each that it can fail: a system broken in just that way.
package systemtest
