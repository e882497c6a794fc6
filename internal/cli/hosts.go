package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"dyno/bench/agent"
	"dyno/bench/fleet"
	"dyno/bench/ssh"
	"dyno/systems"
)

const hostsHelp = "run the roles on the machines of this `FILE`, over SSH (docs/many-machines.md)"

// hosts are the machines of a hosts file; nil: none is given.
func hosts(path string) (*fleet.Fleet, error) {
	if path == "" {
		return nil, nil
	}
	found, err := ssh.ReadHosts(path)
	if err != nil {
		return nil, err
	}
	programs, err := ssh.Programs()
	if err != nil {
		return nil, err
	}
	var machines []*agent.Machine
	for _, h := range found {
		machines = append(machines, h.Machine(programs))
	}
	return fleet.New(machines...), nil
}

// fleet is the machines of a hosts file, or the pods that this process was given.
func (a *app) fleet(path string) (*fleet.Fleet, error) {
	if a.pods == nil {
		return hosts(path)
	}
	if path != "" {
		return nil, systems.Usagef("--hosts %s: this run has its machines already, the pods", path)
	}
	return a.pods, nil
}

func (a *app) deploy() *cobra.Command {
	c := &cobra.Command{Use: "deploy", Short: "Bring dyno to other machines"}
	c.AddCommand(a.deploySSH(), a.deployPods(), a.podRunner(), a.podReceive())
	needsCommand(c)
	return c
}

func (a *app) deploySSH() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "ssh HOSTS.yaml",
		Short: "Copy dyno to the hosts of a file, and say what each lacks",
		Long: `Looks at each host of the file through ssh and says what it lacks of what an agent
needs; then starts the agents, which copies dyno's programs where they are not yet,
and measures round-trip times between all machines and how their clocks differ. dyno
run --hosts does the same at its start: nothing needs to be deployed before. With --check
nothing is copied.

Exit code 1 says that a host lacks something, or that one does not reach another.`,
		Example: "  dyno deploy ssh --check hosts.yaml\n  dyno deploy ssh hosts.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return systems.Usagef("deploy ssh: give one file of hosts; got %d arguments", len(args))
			}
			return a.runDeploySSH(c.Context(), args[0], check)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "look only: copy and start nothing")
	return c
}

func (a *app) runDeploySSH(ctx context.Context, path string, check bool) error {
	found, err := ssh.ReadHosts(path)
	if err != nil {
		return err
	}
	programs, err := ssh.Programs()
	if err != nil {
		return err
	}
	lacks := make([][]string, len(found))
	var all sync.WaitGroup
	for i, h := range found {
		all.Go(func() { lacks[i] = h.Lacks(ctx, programs) })
	}
	all.Wait()
	missing := false
	for i, h := range found {
		if len(lacks[i]) == 0 {
			fmt.Fprintf(a.out, "%s: has all that an agent needs\n", h.Name)
		}
		for _, l := range lacks[i] {
			missing = true
			fmt.Fprintf(a.out, "%s: lacks %s\n", h.Name, l)
		}
	}
	switch {
	case missing:
		return errFailed
	case check:
		return nil
	}
	return a.tryHosts(ctx, path)
}

// tryHosts starts the agents and tells how the machines reach each other.
func (a *app) tryHosts(ctx context.Context, path string) (err error) {
	f, err := hosts(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	began := time.Now()
	if err := f.Connect(ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "all agents answer after %v\n", time.Since(began).Round(time.Millisecond))
	for _, m := range f.Describe() {
		fmt.Fprintf(a.out, "%s: %s, %d cores, %d MiB, kernel %s, roles at %s\n", m.Name, m.Hostname, m.Cores, m.MemoryBytes>>20, m.Kernel,
			m.Address)
	}
	trips, err := f.Trips(ctx)
	if err != nil {
		return err
	}
	for _, t := range trips {
		fmt.Fprintf(a.out, "%s to %s: %v\n", t.From, t.To, time.Duration(t.RTT*1e9).Round(time.Microsecond))
	}
	clocks := f.Clocks()
	for _, name := range f.Names() {
		c := clocks[name]
		fmt.Fprintf(a.out, "%s: its clock is %v ahead, give or take %v\n", name, c.Ahead.Round(time.Microsecond),
			c.Uncertain.Round(time.Microsecond))
	}
	return nil
}
