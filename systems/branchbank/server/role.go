package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems"
	"dyno/systems/branchbank/core/branch"
)

// RoleName is that of the role.
const RoleName = "branch"

// gcPercent lets the small heap of a branch grow to several times what it holds
// before it is collected.
const gcPercent = 400

// The knobs of a branch.
const (
	KnobPropagate = "propagate"
	KnobFunds     = "funds"
	KnobGather    = "gather"
	KnobMutant    = "mutant"
)

// mutantNone is the branch as it should be.
const mutantNone = "none"

// Knobs say how branches propagate, and who may spend.
var Knobs = systems.Knobs{
	{
		Name: KnobPropagate, Default: string(branch.Sync), Type: systems.Choice(branch.Modes),
		Help: "sync: a customer is answered when every branch has the write; async: at once, one message per write and branch; " +
			"stream: at once, what gathers meanwhile in one message",
	},
	{
		Name: KnobFunds, Default: string(branch.Optimistic), Type: systems.Choice(branch.AllFunds),
		Help: "optimistic: the balance of the own replica must cover a withdrawal; escrow: the branch's own rights, of which others give some",
	},
	{
		Name: KnobGather, Default: "20ms", Type: systems.Duration{Min: 0, Max: time.Second},
		Help: "stream: time from one message to a branch to the next, in which writes gather",
	},
	{
		Name: KnobMutant, Default: mutantNone, Type: mutants(),
		Help: "what a branch does wrong on purpose, for the checks to find; none: nothing",
	},
}

func mutants() systems.Choice {
	out := systems.Choice{mutantNone}
	for _, f := range branch.Flaws() {
		out = append(out, string(f))
	}
	return out
}

// flaw is what a mutant is called in the core.
func flaw(mutant string) branch.Flaw {
	if mutant == mutantNone {
		return branch.Sound
	}
	return branch.Flaw(mutant)
}

// Role is one branch in a process of its own.
func Role() systems.Role {
	return systems.Role{Serves: true, Probe: branchbankv1.BranchService_Execute_FullMethodName, Command: systems.Command{
		Name:    RoleName,
		Summary: "is one branch: takes deposits and withdrawals, and propagates them to the others",
		Example: "dyno branchbank branch --id 1 --listen 127.0.0.1:50001 --peers 2=127.0.0.1:50002,3=127.0.0.1:50003\n" +
			"dyno branchbank branch --id 1 --listen 127.0.0.1:50001 --balance 1000 --data ./branch-1 --funds escrow",
		Setup: setup,
	}}
}

func setup(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	id := fs.Int("id", 0, "the branch's `NUMBER` in its group, from 1")
	peers := fs.String("peers", "", "the other branches as `ID=HOST:PORT,…`; @FILE in place of HOST:PORT: read it there when it is needed")
	balance := fs.Int64("balance", 400, "the account's balance at the beginning, in whole units; the same for all branches")
	data := fs.String("data", "", "folder of the branch's journal; without it the branch forgets everything when it ends")
	oneStream := fs.Bool("one-stream", false,
		"under sync and async: messages travel on one stream per pair of branches, opened when it is needed, instead of by a call each")
	compact := fs.Uint64("compact-after", 100_000, "a snapshot takes the place of the journal's records whenever there are so many; 0: never")
	timeout := fs.Duration("timeout", DefaultTimeout, "how long a customer waits for an answer")
	v := Knobs.Bind(fs, KnobPropagate, KnobFunds, KnobGather, KnobMutant)
	return func(ctx context.Context, sh systems.Shell) (err error) {
		addresses, err := ParsePeers(*peers)
		if err != nil {
			return systems.Usagef("--peers: %w", err)
		}
		switch {
		case *id < 1 || *id > math.MaxInt32:
			return systems.Usagef("--id %d: give the branch a number from 1 to %d", *id, math.MaxInt32)
		case *balance < 0:
			return systems.Usagef("--balance %d is negative", *balance)
		case *timeout <= 0:
			return systems.Usagef("--timeout %v is not positive", *timeout)
		}
		delete(addresses, ID(*id))
		b, err := Open(Options{
			Core: branch.Config{
				Self: ID(*id), Balance: *balance, Mode: branch.Mode(v.Text(KnobPropagate)), Funds: branch.Funds(v.Text(KnobFunds)),
				Gather: v.Duration(KnobGather), Flaw: flaw(v.Text(KnobMutant)),
			},
			Addresses: addresses, Data: *data, Timeout: *timeout, OneStream: *oneStream, Compact: *compact,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.Close()) }()
		debug.SetGCPercent(gcPercent)
		return b.Serve(ctx, rpc.Options{
			Listen: *listen, Log: sh.Log(),
			Ready: func(addr string) {
				fmt.Fprintf(sh.Err, "branch %d listens on %s\n", *id, addr)
				sh.Ready(addr)
			},
		})
	}
}

// ParsePeers reads ID=HOST:PORT,….
func ParsePeers(text string) (map[ID]string, error) {
	out := make(map[ID]string)
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		number, addr, ok := strings.Cut(part, "=")
		id, err := strconv.ParseInt(number, 10, 32)
		switch {
		case !ok || err != nil || id < 1:
			return nil, fmt.Errorf("%q is not ID=HOST:PORT with an id from 1 on", part)
		case out[ID(id)] != "":
			return nil, fmt.Errorf("branch %d is there twice", id)
		}
		if _, _, err := net.SplitHostPort(addr); err != nil && !strings.HasPrefix(addr, "@") {
			return nil, fmt.Errorf("%q: %w; give HOST:PORT, or @FILE that holds it", part, err)
		}
		out[ID(id)] = addr
	}
	return out, nil
}
