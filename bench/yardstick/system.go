package yardstick

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// System hosts the two processes. It is the bench's own: it has no trial, no
// knobs and no place in the list of systems.
var System = &systems.System{
	Name:    "yardstick",
	Summary: "what the least exchanges between two processes cost here",
	Roles: []systems.Role{
		{Serves: true, Command: systems.Command{
			Name:    "server",
			Summary: "sends back every payload over gRPC, and every byte over raw TCP",
			Example: "dyno yardstick server --listen 127.0.0.1:7000",
			Setup:   setupServer,
		}},
		{Command: systems.Command{
			Name:    "client",
			Summary: "measures both yardsticks against a server",
			Example: "dyno yardstick client --server 127.0.0.1:7000 --length 2s",
			Setup:   setupClient,
		}},
	},
}

// spare is what starting and ending the two processes may take beside the
// measurement before it counts as hung.
const spare = 30 * time.Second

// Measure measures the yardsticks for about a length, shared by the raw TCP
// ping-pong, the echo one at a time and the echo with callers at once. The logs
// of the two processes are left in a folder.
func Measure(ctx context.Context, dir string, length time.Duration) (y *record.Yardsticks, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, length+spare, fmt.Errorf("the yardsticks were not measured in %v", length+spare))
	defer cancel()
	ctx, group, err := process.NewGroup(ctx, process.Options{System: System, Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := group.Close(); err == nil && closeErr != nil {
			y, err = nil, closeErr
		}
	}()
	server, err := group.Start(ctx, systems.Launch{Role: "server", Name: "server"})
	if err != nil {
		return nil, err
	}
	client, err := group.Start(ctx, systems.Launch{Role: "client", Name: "client", Args: []string{
		"--server", server.Addr(), "--length", length.String(), "--json",
	}})
	if err != nil {
		return nil, err
	}
	out, err := client.Wait(ctx)
	if err != nil {
		return nil, err
	}
	y = new(record.Yardsticks)
	if err := json.Unmarshal(out, y); err != nil {
		return nil, fmt.Errorf("yardstick: the client's result: %w", err)
	}
	if err := y.Conform(); err != nil {
		return nil, err
	}
	return y, server.Stop(ctx)
}
