package lookaside

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
)

// The kinds of faults. They hit real processes.
const (
	faultKill    = "kill"       // kill -9
	faultPause   = "pause"      // SIGSTOP, until the load is over
	faultDrain   = "drain"      // SIGTERM: it finishes what it has
	faultRestart = "restart-lb" // kill -9 the balancer and start another one, elsewhere
	faultFail    = "fail"       // it answers by errors, much sooner than it would serve
	noFault      = "none"
	faultHang    = "hang" // it takes requests and never answers; its reports go on
)

// faults are all kinds, for the knob.
var faultKinds = []string{noFault, faultKill, faultPause, faultDrain, faultRestart, faultFail, faultHang}

// ends says that a server's process ends, and its counts with it.
func (f fault) ends() bool { return f.kind == faultKill || f.kind == faultDrain }

// leaves says that a server is not to be picked any more once its lease is over.
func (f fault) leaves() bool { return f.ends() || f.kind == faultPause }

// fault is what is to happen to a process, and when.
type fault struct {
	kind   string
	server int // index; -1: the balancer
	after  time.Duration
}

// String is the fault as it was typed.
func (f fault) String() string {
	if f.server < 0 {
		return fmt.Sprintf("--%s %v", f.kind, f.after)
	}
	return fmt.Sprintf("--%s %s@%v", f.kind, serverName(f.server), f.after)
}

// strike is a fault that has happened.
type strike struct {
	fault
	at time.Duration // since the load began
}

// faultFlags declares one flag per kind of fault. Servers are known only once
// all flags are: check comes after parsing.
type faultFlags []struct {
	kind, server string
	after        time.Duration
}

func (f *faultFlags) declare(fs systems.FlagSet) {
	for kind, help := range map[string]string{
		faultKill:  "kill a server without warning (SIGKILL): `NAME@TIME`, for example s2@2s; may be repeated",
		faultPause: "stop a server as if it hung (SIGSTOP): `NAME@TIME`, for example s2@2s; may be repeated",
		faultDrain: "ask a server to finish what it has and end (SIGTERM): `NAME@TIME`, for example s2@2s; may be repeated",
		faultFail:  "let a server answer by errors, a hundred times faster than it serves: `NAME@TIME`, for example s2@2s; may be repeated",
		faultHang:  "let a server take requests and never answer, while it reports as before: `NAME@TIME`, for example s2@2s; may be repeated",
	} {
		fs.Func(kind, help, func(text string) error {
			server, when, ok := strings.Cut(text, "@")
			after, err := time.ParseDuration(when)
			if !ok || err != nil || after < 0 || server == "" {
				return fmt.Errorf("%q is not NAME@TIME, for example s2@2s", text)
			}
			*f = append(*f, struct {
				kind, server string
				after        time.Duration
			}{kind, server, after})
			return nil
		})
	}
	fs.Func(faultRestart, "kill the balancer at this `TIME` and start another one on another port, for example 3s; may be repeated", func(text string) error {
		after, err := time.ParseDuration(text)
		if err != nil || after < 0 {
			return fmt.Errorf("%q is not a time, for example 3s", text)
		}
		*f = append(*f, struct {
			kind, server string
			after        time.Duration
		}{faultRestart, "", after})
		return nil
	})
}

// resolve finds the servers that are meant; length is how long the load lasts,
// 0 when that is not known.
func (f *faultFlags) resolve(servers int, length time.Duration) ([]fault, error) {
	names := make([]string, servers)
	for i := range names {
		names[i] = serverName(i)
	}
	var out []fault
	for _, given := range *f {
		ft := fault{kind: given.kind, server: -1, after: given.after}
		for i, n := range names {
			if n == given.server {
				ft.server = i
			}
		}
		if ft.kind != faultRestart && ft.server < 0 {
			return nil, systems.Usagef("--%s: server %w", ft.kind, &systems.ChoiceError{Word: given.server, Allowed: names})
		}
		if length > 0 && ft.after >= length {
			return nil, systems.Usagef("%v would come after the load, which lasts %v", ft, length)
		}
		out = append(out, ft)
	}
	return out, nil
}

// strike lets each fault happen at its time. The returned function ends the
// waiting, undoes pauses, and returns what has happened, in the given order;
// an error that it is given comes first.
func (d *deployment) strike(ctx context.Context, faults []fault) (end func(error) ([]*strike, error)) {
	waiting, stop := context.WithCancel(ctx)
	began := time.Now()
	strikes := make([]*strike, len(faults))
	errs := make([]error, len(faults)+1)
	var all sync.WaitGroup
	for i, f := range faults {
		all.Go(func() {
			timer := time.NewTimer(f.after)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-waiting.Done():
				d.note(fmt.Sprintf("%v did not happen: the load was over", f))
				return
			}
			d.note(fmt.Sprintf("now: %v", f))
			strikes[i] = &strike{fault: f, at: time.Since(began)}
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
			if s != nil && s.kind == faultPause && errs[i] == nil && !lost(strikes, s.server) {
				errs[i] = d.servers[s.server].Resume()
			}
		}
		return out, errors.Join(errs...)
	}
}

// hit makes one fault happen; a drain lasts until the server has ended.
func (d *deployment) hit(ctx context.Context, f fault) error {
	switch f.kind {
	case faultKill:
		return d.servers[f.server].Kill()
	case faultPause:
		return d.servers[f.server].Pause()
	case faultDrain:
		ctx, cancel := context.WithTimeout(ctx, drainGrace)
		defer cancel()
		return d.servers[f.server].Stop(ctx)
	case faultFail:
		return disturb(ctx, d.servers[f.server].Addr(), lookasidev1.Disturbance_DISTURBANCE_FAIL)
	case faultHang:
		return disturb(ctx, d.servers[f.server].Addr(), lookasidev1.Disturbance_DISTURBANCE_HANG)
	default:
		if err := d.balancer().Kill(); err != nil {
			return err
		}
		return d.startBalancer(ctx)
	}
}

// lost says that a server has ended, and its counts with it.
func lost(strikes []*strike, server int) bool {
	return slices.ContainsFunc(strikes, func(s *strike) bool {
		return s != nil && s.server == server && s.ends()
	})
}

// goneAt says when a server was gone first, if it was.
func (r *run) goneAt(i int) (at time.Duration, gone bool) {
	for _, s := range r.struck {
		if s.server == i && s.leaves() && (!gone || s.at < at) {
			at, gone = s.at, true
		}
	}
	return at, gone
}
