package branchbank

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/atomicfile"
	"dyno/internal/backoff"
	"dyno/internal/branches"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/group"
	"dyno/systems/branchbank/server"
)

// giveUp is how long run tries to get one event done.
const giveUp = 30 * time.Second

// runOptions are the flags of the command run.
type runOptions struct {
	output, format   string
	lines, inProcess bool
	ports            int
	knobs            systems.Values
}

// formats are the shapes of the output.
var formats = systems.Choice{string(branches.Recv), string(branches.Money)}

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Starts:  true,
		Args:    "INPUT.json",
		Summary: "plays the customers of a file on branches that it starts, and prints what they were told",
		Example: "dyno branchbank run input.json\n" +
			"dyno branchbank run input.json --output output.json --format money --funds escrow\n" +
			"dyno branchbank run input.json --in-process --jsonl --ports-from 50000",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &runOptions{knobs: server.Knobs.Bind(fs, server.KnobPropagate, server.KnobFunds)}
			fs.StringVar(&o.output, "output", "", "`FILE` to write to; empty: standard output")
			fs.StringVar(&o.format, "format", formats[0], "recv, or money: the course's older shape")
			fs.BoolVar(&o.lines, "jsonl", false, "one object per line, without the array")
			fs.BoolVar(&o.inProcess, "in-process", false, "all branches in this process instead of one each")
			fs.IntVar(&o.ports, "ports-from", 0, "branch ID listens on `PORT` + ID; 0: the system chooses")
			return o.run
		},
	}
}

// check refuses what could not end well, before anything is started.
func (o *runOptions) check(args []string) (in branches.Input, s group.Spec, err error) {
	if len(args) != 1 {
		return in, s, systems.Usagef("give one INPUT.json, not %d", len(args))
	}
	if _, err := formats.Parse(o.format); err != nil {
		return in, s, systems.Usagef("--format %w", err)
	}
	if o.ports < 0 || o.ports > 65535 {
		return in, s, systems.Usagef("--ports-from %d is no port", o.ports)
	}
	if o.output != "" {
		if folder, err := os.Stat(filepath.Dir(o.output)); err != nil || !folder.IsDir() {
			return in, s, systems.Usagef("--output %s: there is no folder %s", o.output, filepath.Dir(o.output))
		}
	}
	f, err := os.Open(args[0])
	if err != nil {
		return in, s, &systems.UsageError{Err: err}
	}
	defer f.Close()
	if in, err = branches.Read(f); err != nil {
		return in, s, systems.Usagef("%s: %w", args[0], err)
	}
	s = group.Spec{Ports: o.ports, Streams: !o.inProcess} // in one process all share a connection to each anyway
	for _, b := range in.Branches {
		s.IDs, s.Balance = append(s.IDs, branch.ID(b.ID)), b.Balance
	}
	return in, s, s.Check()
}

func (o *runOptions) run(ctx context.Context, sh systems.Shell) error {
	in, spec, err := o.check(sh.Args)
	if err != nil {
		return err
	}
	began := time.Now()
	start := o.startProcesses
	if o.inProcess {
		start = o.startLocal
	}
	ctx, clients, stop, err := start(ctx, sh, spec)
	if err != nil {
		return err
	}
	ready := time.Now()
	told, err := play(ctx, in, clients)
	played := time.Now()
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	fmt.Fprintf(sh.Err, "%d branches: started in %.2f s, played %d customers in %.2f s, stopped in %.2f s\n", len(spec.IDs),
		ready.Sub(began).Seconds(), len(in.Customers), played.Sub(ready).Seconds(), time.Since(played).Seconds())
	return o.write(sh, told)
}

func (o *runOptions) write(sh systems.Shell, told []branches.Told) error {
	if o.output == "" {
		return branches.Write(sh.Out, branches.Format(o.format), o.lines, told)
	}
	var text bytes.Buffer
	if err := branches.Write(&text, branches.Format(o.format), o.lines, told); err != nil {
		return err
	}
	return atomicfile.Write(o.output, text.Bytes())
}

// clients are the branches as customers reach them.
type clients map[int64]branchbankv1.BranchServiceClient

type starter func(context.Context, systems.Shell, group.Spec) (context.Context, clients, func() error, error)

var _ = []starter{(*runOptions)(nil).startProcesses, (*runOptions)(nil).startLocal}

// startProcesses starts a process for each branch.
func (o *runOptions) startProcesses(ctx context.Context, sh systems.Shell, s group.Spec) (context.Context, clients, func() error, error) {
	ctx, b, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: 1})
	if err != nil {
		return ctx, nil, nil, err
	}
	s.Args = append(o.knobs.Args(server.KnobPropagate, server.KnobFunds), "--timeout", giveUp.String())
	processes, err := group.Start(ctx, b, s)
	if err != nil {
		return ctx, nil, nil, errors.Join(err, closeBench())
	}
	out := make(clients)
	var conns []*grpc.ClientConn
	stop := func() error {
		for _, c := range conns {
			_ = c.Close()
		}
		var errs []error
		for _, p := range processes { // they hold nothing that must outlive them, and ten thousand farewells take their time
			errs = append(errs, p.Kill())
		}
		return errors.Join(append(errs, closeBench())...)
	}
	for i, p := range processes {
		conn, err := server.Dial(p.Addr())
		if err != nil {
			return ctx, nil, nil, errors.Join(err, stop())
		}
		conns = append(conns, conn)
		out[int64(s.IDs[i])] = branchbankv1.NewBranchServiceClient(conn)
	}
	return ctx, out, stop, nil
}

// startLocal starts all branches in this process.
func (o *runOptions) startLocal(ctx context.Context, _ systems.Shell, s group.Spec) (context.Context, clients, func() error, error) {
	l, err := group.StartLocal(ctx, s, branch.Config{
		Mode: branch.Mode(o.knobs.Text(server.KnobPropagate)), Funds: branch.Funds(o.knobs.Text(server.KnobFunds)),
	})
	if err != nil {
		return ctx, nil, nil, err
	}
	out := make(clients)
	for i, addr := range l.Addresses {
		conn, err := l.Dial(addr)
		if err != nil {
			return ctx, nil, nil, errors.Join(err, l.Close())
		}
		out[int64(s.IDs[i])] = branchbankv1.NewBranchServiceClient(conn)
	}
	return ctx, out, l.Close, nil
}

// kinds are those of files, on the wire.
var kinds = map[branches.Kind]branchbankv1.Kind{
	branches.Query: branchbankv1.Kind_KIND_QUERY, branches.Deposit: branchbankv1.Kind_KIND_DEPOSIT,
	branches.Withdraw: branchbankv1.Kind_KIND_WITHDRAW,
}

// play lets the customers do what the file says, one after the other.
func play(ctx context.Context, in branches.Input, to clients) ([]branches.Told, error) {
	told := make([]branches.Told, 0, len(in.Customers))
	for i, c := range in.Customers {
		t := branches.Told{Customer: c.ID}
		for j, e := range c.Events {
			req := &branchbankv1.ExecuteRequest{Kind: kinds[e.Kind], Amount: e.Amount, RequestId: fmt.Sprintf("%d.%d", i, j)}
			resp, err := insist(ctx, to[e.Branch], req)
			if err != nil {
				return nil, fmt.Errorf("record %d, event %d (%s at branch %d): %w", i, j, e.Kind, e.Branch, err)
			}
			a := branches.Answer{Kind: e.Kind, Branch: e.Branch, Balance: resp.GetBalance()}
			if !resp.GetSuccess() {
				a.Refused = resp.GetReason()
			}
			t.Answers = append(t.Answers, a)
		}
		told = append(told, t)
	}
	return told, nil
}

// insist repeats a request under its id until its outcome is known.
func insist(ctx context.Context, to branchbankv1.BranchServiceClient, req *branchbankv1.ExecuteRequest,
) (*branchbankv1.ExecuteResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	for wait := new(backoff.Backoff); ; {
		resp, err := to.Execute(ctx, req, grpc.WaitForReady(true))
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return resp, err
		}
		wait.Wait(ctx, nil)
	}
}
