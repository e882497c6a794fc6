package echo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

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
	v := (&systems.System{Name: name, Knobs: knobs}).Bind(fs, knobClients, knobPayload, knobRate)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		data, err := ghzData(v.Int(knobPayload), f.Seed)
		if err != nil {
			return err
		}
		w := driver.Witness{
			Flags: f, Server: *server, Async: *async, Workers: v.Int(knobClients), Rate: v.Float(knobRate),
			Method: echov1.EchoService_Echo_FullMethodName[1:], Data: data,
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
		return r.Print(sh.Out, driver.GHZ)
	}
}

// ghzData is the request as ghz wants it.
func ghzData(payload int, seed uint64) (string, error) {
	caller := newCaller(nil, 0, payload, seed)
	data, err := json.Marshal(map[string]string{"payload": base64.StdEncoding.EncodeToString(caller.payload)})
	if err != nil {
		return "", fmt.Errorf("echo: the payload for ghz: %w", err)
	}
	return string(data), nil
}
