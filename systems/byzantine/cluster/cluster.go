// Package cluster is the generals as processes: the role general, with its keys,
// its server and its part in a run, and the runner that starts them, tells each
// its part and gathers what they decided.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

const (
	musterTimeout = 10 * time.Second
	// headStart is the time from the call to begin to the first round, so that
	// all generals have heard it by then.
	headStart = 10 * time.Millisecond
	// afterMath is the time that generals have, beyond their rounds, to answer.
	afterMath = 10 * time.Second
)

// Cluster is a number of generals in processes of their own, and their runner.
type Cluster struct {
	processes []systems.Process
	addresses []string
	conns     []*grpc.ClientConn
	clients   []byzantinev1.GeneralServiceClient
	runs      uint64

	ahead, uncertain []time.Duration // of their clocks, before the trial's

	mu         sync.Mutex
	base, last []time.Duration // processor time of each general: at its first part, and as it told it last
}

// Start starts n generals and hands each its keys.
func Start(ctx context.Context, bench systems.Bench, n int, falsehood string) (a *Cluster, err error) {
	keys, err := drawKeys(n)
	if err != nil {
		return nil, err
	}
	dir, err := bench.Dir("keys")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, forget(ctx, bench, dir, n)) }() // each has read its file when it is ready
	a = newCluster(make([]byzantinev1.GeneralServiceClient, n))
	a.processes, a.conns = make([]systems.Process, n), make([]*grpc.ClientConn, n)
	err = each(n, func(id int) error {
		path := keyPath(dir, id)
		if err := keys[id].write(path); err != nil {
			return err
		}
		p, err := bench.Start(ctx, systems.Launch{Role: RoleName, Name: GeneralName(id), Args: []string{"--keys", path, "--lie", falsehood}})
		if err != nil {
			return err
		}
		a.processes[id], a.addresses[id] = p, p.Addr()
		a.ahead[id], a.uncertain[id] = systems.Ahead(bench, p.Name())
		a.conns[id], err = rpc.Dial(p.Addr(), proving(keys[id].Runner, runnerID, id))
		if err != nil {
			return err
		}
		a.clients[id] = byzantinev1.NewGeneralServiceClient(a.conns[id])
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, a.Disconnect())
	}
	return a, nil
}

func newCluster(clients []byzantinev1.GeneralServiceClient) *Cluster {
	n := len(clients)
	return &Cluster{
		clients: clients, addresses: make([]string, n), base: make([]time.Duration, n), last: make([]time.Duration, n),
		ahead: make([]time.Duration, n), uncertain: make([]time.Duration, n),
	}
}

// Used is the processor time of all generals from their first part until they
// were told their latest, or told their latest decisions.
func (a *Cluster) Used() (sum time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.last {
		sum += a.last[id] - a.base[id]
	}
	return sum
}

// told takes in what a general says of its processor time.
func (a *Cluster) told(id int, cpu int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[id] = time.Duration(cpu)
	if a.base[id] == 0 {
		a.base[id] = a.last[id]
	}
}

// GeneralName is that of a general's process.
func GeneralName(id int) string { return fmt.Sprintf("general-%d", id) }

// each calls f for 0 to n−1 at once and waits for all.
func each(n int, f func(int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Disconnect leaves the generals alone.
func (a *Cluster) Disconnect() error {
	var errs []error
	for _, c := range a.conns {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// Stop ends the generals that still live.
func (a *Cluster) Stop(ctx context.Context, lost general.Set) error {
	ctx, cancel := context.WithTimeout(ctx, afterMath)
	defer cancel()
	return errors.Join(a.Disconnect(), each(len(a.processes), func(id int) error {
		if lost.Has(id) {
			return nil
		}
		return a.processes[id].Stop(ctx)
	}))
}

// Play plays a run.
func (a *Cluster) Play(ctx context.Context, b play.Run) (*play.Outcome, error) {
	if unknown := slices.Max(a.uncertain); unknown > b.Timeout/4 {
		return nil, fmt.Errorf("rounds of %v begin by the clocks of the generals' machines, which are known to within %v only: "+
			"give a timeout of %v or more, or nearer machines", b.Timeout, unknown, 4*unknown)
	}
	if err := a.Muster(ctx, b); err != nil {
		return nil, err
	}
	o := &play.Outcome{Run: b}
	o.Decisions = make([]general.Decision, b.N)
	reports := make([]*byzantinev1.BeginResponse, b.N)
	start := time.Now().Add(headStart)
	errs := make([]error, b.N)
	err := each(b.N, func(id int) error {
		ctx, cancel := context.WithDeadline(ctx, start.Add(time.Duration(b.Algorithm.Rounds(b.T))*b.Timeout+afterMath))
		defer cancel()
		reports[id], errs[id] = a.clients[id].Begin(ctx, &byzantinev1.BeginRequest{Run: a.runs, StartUnixNs: start.Add(a.ahead[id]).UnixNano()})
		return nil
	})
	o.Watched = time.Since(start)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	for id, r := range reports {
		if errs[id] != nil && rpc.KindOf(errs[id]) != rpc.None {
			return nil, fmt.Errorf("general %d: %w", id, errs[id])
		}
		if errs[id] != nil { // it does not answer any more
			o.Lost |= general.Only(id)
			continue
		}
		a.told(id, r.GetCpuNs())
		if err := gather(o, id, r); err != nil {
			return nil, fmt.Errorf("general %d: %w", id, err)
		}
	}
	return o, nil
}

// Muster tells everybody his part in the next run, which it does not begin. What they
// tell of their processor time is as new as the call.
func (a *Cluster) Muster(ctx context.Context, b play.Run) error {
	a.runs++
	return each(b.N, func(id int) error {
		ctx, cancel := context.WithTimeout(ctx, musterTimeout)
		defer cancel()
		req := &byzantinev1.MusterRequest{
			Run: a.runs, Algorithm: b.Algorithm.Name, T: uint32(b.T), Commander: uint32(b.Commander),
			Interactive: b.Interactive, Order: toOrder(b.Config(id).Order), Addresses: a.addresses,
			RoundTimeoutNs: b.Timeout.Nanoseconds(), Flat: b.Flat,
		}
		if b.Traitors.Has(id) {
			req.Treason = &byzantinev1.Treason{Adversary: b.Adversary.Name, Seed: b.Seed, Traitors: uint64(b.Traitors)}
		}
		if id == b.Kill {
			req.DieInRound = uint32(b.KillIn)
		}
		if b.Heard {
			req.Transcript = play.MaxTranscript
		}
		r, err := a.clients[id].Muster(ctx, req)
		if err != nil {
			return fmt.Errorf("general %d cannot be told its part: %w", id, err)
		}
		a.told(id, r.GetCpuNs())
		return nil
	})
}

// gather adds what one general has to say of a run.
func gather(o *play.Outcome, id int, r *byzantinev1.BeginResponse) error {
	vector, err := fromOrders(r.GetVector())
	if err != nil {
		return err
	}
	votes, err := fromOrders(r.GetVotes())
	if err != nil {
		return err
	}
	o.Decisions[id] = general.Decision{Value: fromOrder(r.GetDecision()), Vector: vector, Votes: votes}
	t := general.Tally{Accepted: r.GetAccepted()}
	copy(t.Drops[:], r.GetDropped())
	o.Add(t)
	o.Physical += r.GetBatches()
	o.Bytes += r.GetBytes()
	o.Refused += r.GetRefused()
	o.Sent.Add(play.FromTraffic(r.GetSent()))
	o.Unanswered.Add(play.FromTraffic(r.GetUnanswered()))
	o.TurnedAway.Add(play.FromTraffic(r.GetTurnedAway()))
	o.Took = max(o.Took, time.Duration(r.GetTookNs()))
	o.Cut = o.Cut || len(r.GetTranscript()) == play.MaxTranscript
	transcribe(o, id, r.GetTranscript())
	return nil
}

// transcribe merges what one general heard into the log.
func transcribe(o *play.Outcome, id int, heard []*byzantinev1.Message) {
	if len(heard) == 0 {
		return
	}
	type key struct {
		round int
		path  string
		value general.Value
	}
	known := make(map[key]int, len(o.Log))
	for i, e := range o.Log {
		known[key{e.Round, e.Path, e.Value}] = i
	}
	for _, m := range heard {
		k := key{int(m.GetRound()), string(m.GetPath()), fromOrder(m.GetValue())}
		if n := len(k.path); n == 0 || int(k.path[n-1]) >= o.N {
			continue // said by nobody: another program may tell anything
		}
		if i, ok := known[k]; ok {
			o.Log[i].To |= general.Only(id)
			continue
		}
		known[k] = len(o.Log)
		o.Log = append(o.Log, play.Entry{Round: k.round, Path: k.path, Value: k.value, To: general.Only(id)})
	}
}
