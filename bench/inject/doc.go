// Package inject lets the faults of a schedule (package fault) strike a real
// trial: its processes by signals and restarts, and the links between them by
// proxies (package link).
//
//	f, err := inject.Open(b, v.Text(inject.Knob.Name))
//	…
//	addr, err := f.Link("client", server) // instead of server.Addr()
//	strikes, err := f.Begin(ctx)          // once the load has begun: driver.Begin
//	…
//	err = strikes.End()                   // with the load
//	…
//	err = f.Close()
//
// A trial that has no faults pays nothing: then Link returns the server's own
// address.
package inject
