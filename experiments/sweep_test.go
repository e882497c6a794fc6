package experiments

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"dyno/bench/agent"
	"dyno/bench/fleet"
	"dyno/internal/record"
	"dyno/systems"
)

// hall is a machine in this process, which can be destroyed.
type hall struct {
	machine *agent.Machine
	destroy context.CancelFunc
}

func newHall(t *testing.T, name string, system *systems.System) *hall {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	lis := bufconn.Listen(1 << 16)
	o := agent.Options{Advertise: "127.0.0.1", Lookup: func(string) *systems.System { return system }, Logf: t.Logf}
	o.RPC.Listener = lis
	var served sync.WaitGroup
	served.Go(func() { _ = agent.Serve(ctx, o) }) // until it is destroyed
	t.Cleanup(func() { cancel(); served.Wait() })
	h := &hall{destroy: cancel}
	h.machine = agent.NewMachine(name, func(context.Context) (*agent.Connection, error) {
		if ctx.Err() != nil {
			return nil, errors.New("nothing is left of it")
		}
		conn, err := grpc.NewClient("passthrough:///"+name, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		return &agent.Connection{Conn: conn, Close: func() error { return nil }}, err
	})
	h.machine.Patience = 50 * time.Millisecond
	return h
}

// Two sets of machines measure the trials of one, each once, under the same ids. When
// one is lost in the middle of a trial, the other one measures that and what it had
// left.
func TestSets(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprintf("dies=%t", dies), func(t *testing.T) {
			halls := make(map[string]*hall)
			var mu sync.Mutex
			calls := make(map[string]int)
			struck := false
			both := make(chan struct{}) // closed when both sets have a trial at once
			p := toyPlan(t, func(ctx context.Context, b systems.Bench, _ systems.Values) (record.Observation, error) {
				if _, err := b.Address(ctx, "", "x"); err != nil {
					return record.Observation{}, err
				}
				name := b.(*fleet.Bench).Placed()["x"]
				mu.Lock()
				calls[name]++
				if len(calls) == 2 && calls[name] == 1 {
					close(both)
				}
				strike := dies && name == "b" && !struck
				struck = struck || strike
				mu.Unlock()
				<-both
				if strike {
					halls[name].destroy()
					<-ctx.Done()
					return record.Observation{}, ctx.Err()
				}
				return observed(), nil
			})
			for _, name := range []string{"a", "b"} {
				halls[name] = newHall(t, name, p.System)
			}
			machines := fleet.New(halls["a"].machine, halls["b"].machine)
			defer machines.Close()
			var notes []string
			out := t.TempDir()
			r := &Runner{Out: out, Machines: machines, Sets: 2, Report: func(u Progress) { notes = append(notes, u.Note) }}
			tally, err := r.Run(t.Context(), p)
			run, trials := stored(t, out)
			if err != nil || tally != (Tally{Valid: 8}) {
				t.Fatalf("%+v, %v; trials %+v", tally, err, trials)
			}
			var ids, want []string
			again := 0
			for i := range trials {
				ids, want = append(ids, trials[i].ID), append(want, p.Trials[i].ID)
				again += len(trials[i].Rejected)
			}
			slices.Sort(ids)
			slices.Sort(want)
			given := slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, "set 2 of machines (b) is given up") })
			if !slices.Equal(ids, want) || given != dies || (again > 0) != dies {
				t.Errorf("trials %q, %d measured again, notes %q", ids, again, notes)
			}
			sets := make(map[int]int)
			for _, n := range run.Blocks {
				sets[n.Set]++
			}
			if sets[1] == 0 || sets[2] == 0 || sets[0] != 0 || dies && calls["b"] != 1 {
				t.Errorf("blocks by set %v, trials by machine %v", sets, calls)
			}
		})
	}
}

// What becomes of a trial whose machines fail: lost ones have cost it an attempt, also
// where no other set is left by then; ones that do not come have not.
func TestHandBack(t *testing.T) {
	lost := &agent.LostError{Machine: "b", Why: "its agent has ended"}
	for _, c := range []struct {
		err        error
		back       bool
		rejections int
	}{
		{fmt.Errorf("measured there: %w", lost), true, 1},
		{awayError{fmt.Errorf("it has not come back: %w", lost)}, true, 0},
		{errors.New("the disk is full"), false, 0},
	} {
		crew := &crew{sweep: &sweep{state: []state{running}, again: make([][]string, 1), crews: 1}}
		if back := crew.handBack(0, c.err); back != c.back || (crew.state[0] == waiting) != c.back || len(crew.again[0]) != c.rejections {
			t.Errorf("%v: back %t, state %v, again %q", c.err, back, crew.state[0], crew.again[0])
		}
	}
}

// A run that is resumed has a block finished by the set that began it.
func TestBlocksAreClaimed(t *testing.T) {
	p := toyPlan(t, fine)
	last := len(p.Trials) - 1
	begun := p.Trials[last].Block
	st := &store{run: &record.Run{Blocks: []record.Noise{{Block: begun, Set: 1}, {Block: begun, Set: 2}, {Block: 1, Set: 2}}}}
	s := newSweep(p, st)
	s.state[last] = finished
	crews := []*crew{{sweep: s}, {sweep: s}}
	s.claim(crews)
	for i, want := range []int{1, begun} {
		if k := crews[i].choose(); begun == 1 || k < 0 || p.Trials[k].Block != want {
			t.Errorf("set %d chooses trial %d, want one of block %d", i+1, k, want)
		}
	}
}
