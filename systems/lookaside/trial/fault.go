package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dyno/bench/fault"
	"dyno/internal/backoff"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/knobs"
	"dyno/systems/lookaside/server"
	"dyno/systems/lookaside/simulator"
)

// ends says that a server's process ends, and its counts with it.
func (f Fault) ends() bool { return f.kind == knobs.Kill || f.kind == knobs.Stop }

// leaves says that a server is not to be picked any more once its lease is over.
func (f Fault) leaves() bool { return f.ends() || f.kind == knobs.Pause }

// Fault is what is to happen to a process, and when.
type Fault struct {
	kind   string
	server string // its name; empty: the balancer
	after  time.Duration
}

// String is the fault as it was typed.
func (f Fault) String() string {
	if f.server == "" {
		return fmt.Sprintf("--%s %v", f.kind, f.after)
	}
	return fmt.Sprintf("--%s %s@%v", f.kind, f.server, f.after)
}

// strike is a fault that has happened.
type strike struct {
	Fault
	at time.Duration // since the load began
}

// FaultFlags declares one flag per kind of fault. Servers are known only once
// all flags are: Check comes after parsing.
type FaultFlags []Fault

// Declare declares the flags.
func (f *FaultFlags) Declare(fs systems.FlagSet) {
	for _, flag := range []struct{ name, kind, does string }{
		{knobs.Kill, knobs.Kill, "kill a server without warning (SIGKILL)"},
		{knobs.Pause, knobs.Pause, "stop a server as if it hung (SIGSTOP)"},
		{knobs.Stop, knobs.Stop, "ask a server to finish what it has and end (SIGTERM)"},
		{"drain", knobs.Stop, "the same as --stop"},
		{knobs.Fail, knobs.Fail, "let a server answer by errors, a hundred times faster than it serves"},
		{knobs.Hang, knobs.Hang, "let a server take requests and never answer, while it reports as before"},
	} {
		fs.Func(flag.name, flag.does+": `NAME@TIME`, for example s2@2s; may be repeated", func(text string) error {
			s, err := fault.Parse(string(fault.Pause) + " " + text) // whose form is that of all
			if err != nil || len(s) != 1 || s[0].For != 0 {
				return fmt.Errorf("%q is not NAME@TIME, for example s2@2s", text)
			}
			*f = append(*f, Fault{flag.kind, s[0].Node, s[0].At})
			return nil
		})
	}
	const help = "kill the balancer at this `TIME` and start another one on another port, for example 3s; may be repeated"
	fs.Func(knobs.Restart, help, func(text string) error {
		after, err := time.ParseDuration(text)
		if err != nil || after < 0 {
			return fmt.Errorf("%q is not a time, for example 3s", text)
		}
		*f = append(*f, Fault{kind: knobs.Restart, after: after})
		return nil
	})
}

// Check refuses servers that there are not, and faults after the load; length is
// how long that lasts, 0 when it is not known.
func (f FaultFlags) Check(servers int, length time.Duration) error {
	names := make([]string, servers)
	for i := range names {
		names[i] = simulator.ServerName(i)
	}
	for _, ft := range f {
		if ft.kind != knobs.Restart && !slices.Contains(names, ft.server) {
			return systems.Usagef("--%s: server %w", ft.kind, &systems.ChoiceError{Word: ft.server, Allowed: names})
		}
		if length > 0 && ft.after >= length {
			return systems.Usagef("%v would come after the load, which lasts %v", ft, length)
		}
	}
	return nil
}

// strike lets each fault happen at its time. The returned function ends the
// waiting, undoes pauses, and returns what has happened, in the given order;
// an error that it is given comes first.
func (d *Deployment) strike(ctx context.Context, faults []Fault) (end func(error) ([]*strike, error)) {
	waiting, stop := context.WithCancel(ctx)
	began := time.Now()
	strikes := make([]*strike, len(faults))
	errs := make([]error, len(faults)+1)
	var all sync.WaitGroup
	for i, f := range faults {
		all.Go(func() {
			if backoff.Sleep(waiting, f.after) != nil {
				d.Note(fmt.Sprintf("%v did not happen: the load was over", f))
				return
			}
			d.Note(fmt.Sprintf("now: %v", f))
			strikes[i] = &strike{Fault: f, at: time.Since(began)}
			errs[i] = d.hit(ctx, f)
		})
	}
	return func(err error) ([]*strike, error) {
		stop()
		all.Wait()
		errs[len(faults)] = err
		var out []*strike
		for i, s := range strikes {
			if s != nil {
				out = append(out, s)
			}
			if s != nil && s.kind == knobs.Pause && errs[i] == nil && !lost(strikes, s.server) {
				errs[i] = d.server(s.server).Resume()
			}
		}
		return out, errors.Join(errs...)
	}
}

// hit makes one fault happen; a drain lasts until the server has ended.
func (d *Deployment) hit(ctx context.Context, f Fault) error {
	s := d.server(f.server)
	switch f.kind {
	case knobs.Kill:
		return s.Kill()
	case knobs.Pause:
		return s.Pause()
	case knobs.Stop:
		ctx, cancel := context.WithTimeout(ctx, server.DrainGrace)
		defer cancel()
		return s.Stop(ctx)
	case knobs.Fail:
		return disturb(ctx, s.Addr(), lookasidev1.Disturbance_DISTURBANCE_FAIL)
	case knobs.Hang:
		return disturb(ctx, s.Addr(), lookasidev1.Disturbance_DISTURBANCE_HANG)
	default:
		if err := d.balancer().Kill(); err != nil {
			return err
		}
		return d.startBalancer(ctx)
	}
}

// server is the server of a name; nil for the balancer's, which is none.
func (d *Deployment) server(name string) systems.Process {
	for _, s := range d.servers {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// lost says that a server has ended, and its counts with it.
func lost(strikes []*strike, server string) bool {
	return slices.ContainsFunc(strikes, func(s *strike) bool {
		return s != nil && s.server == server && s.ends()
	})
}

// goneAt says when a server was gone first, if it was.
func (r *Run) goneAt(server string) (at time.Duration, gone bool) {
	for _, s := range r.struck {
		if s.server == server && s.leaves() && (!gone || s.at < at) {
			at, gone = s.at, true
		}
	}
	return at, gone
}
