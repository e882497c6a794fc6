package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dyno/bench/agent"
	"dyno/bench/fleet"
	"dyno/experiments"
	"dyno/internal/kube"
	"dyno/internal/rpc"
	"dyno/systems"
)

func (a *app) deployPods() *cobra.Command {
	r := kube.Run{}
	cluster := kube.Cluster{Said: a.err, Logf: func(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }}
	var out string
	c := &cobra.Command{
		Use:   "k8s [flag]... [-- FLAG OR NAME OF dyno run]...",
		Short: "Run experiments on Kubernetes: a pod is a machine",
		Long: `Prints what kubectl is to create for a run on --nodes machines: one headless Service,
one Indexed Job of agents, one Pod of the runner. What stands behind -- is given to dyno
run in that pod.

With --out it has kubectl create all that, waits until every machine runs (or says of
each why it does not, and ends with exit code 1), brings the pods certificates by which
they trust each other, shows what the runner says, unpacks its results into the folder,
and deletes everything. What the folder holds already is not measured again. The exit code is the runner's. --attach does the same with what
was printed and created by other means, which waits for its certificates.`,
		Example: `  dyno deploy k8s --nodes 2 --image registry.example/dyno:1 -- --scale quick lb-policies | kubectl create -f -
  dyno deploy k8s --nodes 2 --image registry.example/dyno:1 --out out/k8s -- --scale quick lb-policies`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.ArgsLenAtDash() != 0 && len(args) > 0 {
				return systems.Usagef("%s: %q: what is for dyno run stands behind --", c.CommandPath(), args[0])
			}
			for _, arg := range args {
				if name, _, _ := strings.Cut(arg, "="); name == "--out" || name == hostsFlag {
					return systems.Usagef("%s behind --: the runner's pod knows its folder and its machines; --out of deploy says where results go", name)
				}
			}
			if cluster.Attach && len(args) > 0 {
				return systems.Usagef("--attach: the run was told what stands behind -- when it was printed; leave out %q", args)
			}
			r.Args = args
			if err := r.Check(); err != nil {
				return err
			}
			if out == "" {
				if cluster.Attach {
					return systems.Usagef("--attach: give --out, the folder for results")
				}
				return r.Manifest(a.out)
			}
			if out, err = outFolder(out, ""); err != nil {
				return err
			}
			lock, err := experiments.Lock(out)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, lock.Close()) }()
			keys, err := issueKeys()
			if err != nil {
				return err
			}
			code, err := cluster.Execute(c.Context(), r, keys, out)
			return errors.Join(err, codeError(code))
		},
	}
	fl := c.Flags()
	fl.StringVar(&r.Name, "name", "dyno", "of the run: its objects are called so, and labelled; two runs in one namespace need two")
	fl.IntVar(&r.Nodes, "nodes", 0, "machines, each a pod")
	fl.StringVar(&r.Image, "image", "localhost/dyno:latest", "`REFERENCE` that the nodes can pull or have, as make image prints it")
	fl.StringVar(&r.Namespace, "namespace", "", "where (default: as kubectl's context says)")
	fl.StringVar(&r.Queue, "queue", "", "local queue of Kueue, which starts all machines or none")
	fl.IntVar(&r.CPUs, "cpus", 2, "whole cores of each machine")
	fl.StringVar(&r.Memory, "memory", "2Gi", "of each machine")
	fl.DurationVar(&r.Patience, "patience", 2*time.Minute, "how long to wait until all machines run")
	fl.DurationVar(&r.Deadline, "deadline", time.Hour, "after which the cluster ends everything")
	fl.Var((*folder)(&out), "out", "create it, wait, unpack the results into this `FOLDER`, delete it")
	fl.BoolVar(&cluster.Attach, "attach", false, "with --out: the run of this --name and --nodes is created already")
	fl.StringVar(&cluster.Kubectl, "kubectl", "kubectl", "`PROGRAM` by which the cluster is reached, with --out")
	return c
}

// codeError is the error of an exit code; 0: none.
func codeError(code int) error {
	switch code {
	case 0:
		return nil
	case 1:
		return errFailed
	}
	return &systems.ExitError{Code: code}
}

// issueKeys makes an authority for one run, and forgets its key.
func issueKeys() (kube.Keys, error) {
	dir, err := os.MkdirTemp("", "dyno-keys")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ca, err := rpc.NewAuthority(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ca.Issue(agent.NameAgent), ca.Issue(agent.NameRunner)); err != nil {
		return nil, err
	}
	return kube.ReadKeys(dir)
}

// podReceive is how a pod is given its certificates, and what is measured already.
func (a *app) podReceive() *cobra.Command {
	return &cobra.Command{
		Use:    "receive FOLDER",
		Short:  "Fill a folder from an archive on standard input; in a pod that deploy k8s makes",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return kube.Receive(a.in, args[0], a.out) },
	}
}

// podRunner is what the runner's pod runs.
func (a *app) podRunner() *cobra.Command {
	r := kube.Run{}
	c := &cobra.Command{
		Use:    "runner [flag]... -- [FLAG OR NAME OF dyno run]...",
		Short:  "Run experiments on the pods of a run; in the pod that deploy k8s makes",
		Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			code := a.runOnPods(c.Context(), r, args)
			if err := kube.MarkDone(kube.Out, code); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "the run has ended with exit code %d; its results wait to be fetched\n", code)
			<-c.Context().Done() // they go with the pod
			return codeError(code)
		},
	}
	fl := c.Flags()
	fl.StringVar(&r.Name, "name", "", "of the run")
	fl.IntVar(&r.Nodes, "nodes", 0, "machines")
	fl.DurationVar(&r.Patience, "patience", 2*time.Minute, "how long to wait until all machines answer")
	return c
}

// runOnPods waits for all machines and runs experiments on them.
func (a *app) runOnPods(ctx context.Context, r kube.Run, args []string) int {
	var machines []*agent.Machine
	for i := range r.Nodes {
		address := net.JoinHostPort(r.Host(i), strconv.Itoa(kube.AgentPort))
		machines = append(machines, agent.NewMachine(fmt.Sprintf("%s-%d", r.Name, i), agent.Dialer(address, kube.Credentials, agent.NameRunner)))
	}
	a.pods = fleet.New(machines...)
	if err := kube.Await(ctx, kube.Credentials); err != nil { // its pod's deadline ends that
		return a.exit(ctx, err)
	}
	if err := a.gather(ctx, r); err != nil {
		return a.exit(ctx, errors.Join(err, a.pods.Close()))
	}
	run := a.podRun()
	run.SetArgs(append([]string{"--out", kube.Out}, args...))
	return a.exit(ctx, errors.Join(run.ExecuteContext(ctx), a.pods.Close())) // what ended early has not closed them
}

// podRun is dyno run without dyno.
func (a *app) podRun() *cobra.Command {
	run := a.run()
	run.SilenceErrors, run.SilenceUsage = true, true
	run.SetFlagErrorFunc(flagError)
	logging(run)
	return run
}

// gather waits until all machines answer.
func (a *app) gather(ctx context.Context, r kube.Run) error {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	began := time.Now()
	if err := a.pods.Gather(ctx); err != nil {
		return fmt.Errorf("not all machines answered within %v: %w", r.Patience, err)
	}
	fmt.Fprintf(a.err, "%d machines answer after %v\n", r.Nodes, time.Since(began).Round(time.Millisecond))
	return nil
}
