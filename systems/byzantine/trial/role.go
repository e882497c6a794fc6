package trial

import (
	"context"
	"encoding/json"
	"time"

	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/play"
)

const roleMemory = "memory"

// Role plays all generals in one process.
func Role() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    roleMemory,
		Summary: "plays run after run with all generals in this one process, and prints the summary as JSON",
		Example: "dyno byzantine memory --n 13 --t 4 --traitors 4 --adversary random --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			v := play.Knobs.Bind(fs, memoryKnobs()...)
			var set systems.Setting
			fs.Uint64Var(&set.Seed, "seed", 1, "all random choices come from it")
			fs.DurationVar(&set.Warmup, "warmup", 0, "how long to play before anything is counted")
			fs.DurationVar(&set.Length, "length", time.Second, "how long to play and count")
			return func(ctx context.Context, sh systems.Shell) error {
				v[play.KnobTransport] = play.TransportMemory
				if err := systems.CheckWindow(set.Warmup, set.Length); err != nil {
					return systems.Usagef("--%w", err)
				}
				c, err := newConfig(v)
				if err != nil {
					return err
				}
				a, err := c.measure(ctx, set, inMemory{})
				if err != nil {
					return err
				}
				return json.NewEncoder(sh.Out).Encode(a)
			}
		},
	}}
}

// inMemory are generals of this process, which are always ready.
type inMemory struct{}

func (inMemory) Play(ctx context.Context, b play.Run) (*play.Outcome, error) { return b.PlayUnder(ctx) }
func (inMemory) Muster(context.Context, play.Run) error                      { return nil }
func (inMemory) Used() time.Duration                                         { return cluster.OwnCPU() }

// memoryKnobs are those that the role has: all but where the generals are.
func memoryKnobs() (names []string) {
	for _, k := range play.Knobs {
		if k.Name != play.KnobTransport {
			names = append(names, k.Name)
		}
	}
	return names
}
