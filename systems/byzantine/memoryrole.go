package byzantine

import (
	"context"
	"encoding/json"
	"syscall"
	"time"

	"dyno/systems"
)

func memoryRole() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    roleMemory,
		Summary: "plays run after run with all generals in this one process, and prints the account as JSON",
		Example: "dyno byzantine memory --n 13 --t 4 --traitors 4 --adversary random --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			var names []string
			for _, k := range knobs {
				if k.Name != knobTransport {
					names = append(names, k.Name)
				}
			}
			v := bindWords(fs, names...)
			var set systems.Setting
			fs.Uint64Var(&set.Seed, "seed", 1, "all random choices come from it")
			fs.DurationVar(&set.Warmup, "warmup", 0, "how long to play before anything is counted")
			fs.DurationVar(&set.Length, "length", time.Second, "how long to play and count")
			return func(ctx context.Context, sh systems.Shell) error {
				v[knobTransport] = transportMemory
				c, err := newCell(v)
				if err != nil {
					return err
				}
				a, err := c.measure(ctx, set, func(ctx context.Context, b battle) (*outcome, error) { return b.fightUnder(ctx) }, ownCPU)
				if err != nil {
					return err
				}
				return json.NewEncoder(sh.Out).Encode(a)
			}
		},
	}}
}

// ownCPU is the processor time of this process so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
