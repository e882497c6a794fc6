package echo

import (
	"context"
	"encoding/json"

	"dyno/bench/driver"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// setupGHZ is the witness: another load generator, in a process of its own as
// every generator, whose report of a server is put beside ours.
func setupGHZ(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the server to call")
	async := fs.Bool("async", false, "send at the rate even if workers wait for answers, as ghz --async")
	f := driver.BindFlags(fs)
	v := knobs.Bind(fs, knobClients, knobPayload, knobRate)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		request, err := driver.Encode(&echov1.EchoRequest{Payload: newCaller(nil, 0, v.Int(knobPayload), f.Seed).payload})
		if err != nil {
			return err
		}
		w := driver.Witness{
			Flags: f, Server: *server, Async: *async, Workers: v.Int(knobClients), Rate: v.Float(knobRate),
			Method: echov1.File_echo_v1_echo_proto.Services().ByName("EchoService").Methods().ByName("Echo"), Request: request,
		}
		if err := w.Check(); err != nil {
			return err
		}
		r, err := w.Run(ctx)
		if err != nil {
			return err
		}
		if f.JSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.Print(sh.Out, driver.GHZ, f.MaxFailures)
	}
}
