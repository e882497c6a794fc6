package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/sample"
	"dyno/bench/story"
	"dyno/internal/journal"
	"dyno/internal/record"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems"
	"dyno/systems/branchbank/check"
	"dyno/systems/branchbank/client"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/group"
	"dyno/systems/branchbank/server"
)

// Run is one trial.
type Run struct {
	systems.Values
	set    systems.Setting
	bench  systems.Bench
	data   string
	faults *inject.Faults

	processes []systems.Process
	conns     []*grpc.ClientConn
	status    []branchbankv1.BranchServiceClient
	samples   *sample.Samples
	client    client.Report
	final     []*branchbankv1.GetStatusResponse // when they agree
	agreed    bool
	drained   time.Duration // from the end of the load until they agreed
	recovery  time.Duration // from the end of the last fault until all had what there was then; 0: nothing ended
	scene     story.Scene
	proof     proof
}

// Trial measures one cell.
func Trial(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	r := &Run{Values: v, set: b.Setting(), bench: b}
	if err := Check(r.set, v); err != nil {
		return o, err
	}
	if r.faults, err = inject.Open(b, schedule(v)); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, r.faults.Close()) }()
	defer func() {
		for _, c := range r.conns {
			_ = c.Close()
		}
	}()
	if err := r.start(ctx); err != nil {
		return o, err
	}
	if err := r.load(ctx); err != nil {
		return o, err
	}
	if err := r.finish(ctx); err != nil {
		return o, err
	}
	if o = r.observe(); o.Verdict.Status == record.Invalid {
		r.proof.Scene = r.scene.Around(r.proof.History.Story())
	}
	return o, systems.KeepHistory(b, r.proof)
}

// blind says that another program stands in for the branches: they have no journals
// that could be read, and are asked nothing that a customer cannot ask.
func (r *Run) blind() bool { return r.set.Stands(server.RoleName) }

// start starts the branches.
func (r *Run) start(ctx context.Context) (err error) {
	if r.data, err = r.bench.Dir("branches"); err != nil {
		return err
	}
	s := group.Spec{
		IDs: ids(r.Values), Balance: int64(r.Int(KnobBalance)), Data: r.data,
		Args: append(r.Args(server.KnobPropagate, server.KnobFunds, server.KnobGather, server.KnobMutant),
			"--compact-after", "0"), // the journals are the history
	}
	if r.faults.OnLinks() {
		s.Link = r.faults.Link
	}
	if r.processes, err = group.Start(ctx, r.bench, s); err != nil {
		return err
	}
	for _, p := range r.processes {
		r.faults.Add(p)
	}
	return r.dial()
}

// load lets customers in while faults strike.
func (r *Run) load(ctx context.Context) error {
	var targets []sample.Target
	var addresses []string
	for _, p := range r.processes {
		targets = append(targets, sample.Of(p))
		addresses = append(addresses, p.Addr())
	}
	sampler, err := sample.Start(ctx, targets, 0)
	if err != nil {
		return err
	}
	defer func() { r.samples = sampler.Stop() }()
	all := append(r.Args(client.KnobQueries, client.KnobWithdrawals, client.KnobAmount, client.KnobRepeats, client.KnobRoam, client.KnobLie),
		"--branches", strings.Join(addresses, ","))
	customers, err := driver.Begin(ctx, r.bench, driver.Launch(r.set, r.Values, all, nil))
	if err != nil {
		return err
	}
	strikes, err := r.faults.Begin(ctx)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan time.Duration, 1)
	go func() { watched <- r.watch(watching, time.Now().Add(healed(r.Text(inject.Knob.Name)))) }()
	loadErr := customers.End(&r.client)
	ended := time.Now()
	_, err = strikes.End()
	if loadErr == nil && err == nil {
		r.agreed, err = r.agree(ctx)
		r.drained = time.Since(ended)
	}
	stop()
	r.recovery = <-watched
	r.proof.History.Missed = strikes.Missed()
	r.scene = story.SceneOf(strikes.Absences(), r.faults.Trace(), time.Unix(0, r.client.Zero), branchName)
	return errors.Join(loadErr, err)
}

// finish stops the branches and reads what they have written down.
func (r *Run) finish(ctx context.Context) error {
	h := &r.proof.History
	h.Mode, h.Funds = branch.Mode(r.Text(server.KnobPropagate)), branch.Funds(r.Text(server.KnobFunds))
	h.Initial, h.Ops, h.Blind = int64(r.Int(KnobBalance)), r.client.Ops, r.blind()
	r.proof.Load = r.client.Checks
	if !r.agreed && r.client.Counts.OK > 0 {
		r.proof.Load = append(r.proof.Load, record.Doubt("quiescence", 1, "the branches did not agree within %v after the load", agreeWithin))
	}
	if err := systems.StopAll(ctx, r.processes...); err != nil {
		return err
	}
	for i, p := range r.processes {
		s := r.final[i]
		if s == nil && r.blind() {
			r.proof.Load = append(r.proof.Load, record.Fail("end", 1, "branch %d answers no query when all is over", i+1))
			continue
		}
		b := check.Branch{
			ID: branch.ID(i + 1), Balance: s.GetBalance(), External: s.GetExternal(), Digest: s.GetDigest(), Negative: s.GetCounts().GetNegative(),
			Rights: s.GetRights(),
		}
		if h.Blind {
			h.Branches = append(h.Branches, b)
			continue
		}
		folder := filepath.Join(r.data, p.Name(), "journal")
		_, err := journal.Scan(folder, journal.Options{}, func(e journal.Entry) error { return b.Journal(e.Data) })
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name(), err)
		}
		h.Branches = append(h.Branches, b)
	}
	return nil
}

// branchName is how stories call a branch's process.
func branchName(process string) string { return "branch " + strings.TrimPrefix(process, "b") }

// proof is all that the verdict of a run rests on: what its bundle keeps.
type proof struct {
	Load    []record.Check `json:"load"` // as the clients checked their load, call by call
	History check.History  `json:"history"`
	Scene   story.Scene    `json:"scene"` // around what broke a promise
}

func (p proof) judge() record.Verdict {
	return record.Judge(slices.Concat(p.Load, p.History.Judge())...)
}

// Judge judges the run of a bundle again.
func Judge(bundle string) (record.Verdict, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil {
		return record.Verdict{}, err
	}
	return p.judge(), nil
}

// Explain tells what broke a promise in the run of a bundle.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil {
		return nil, err
	}
	return p.History.Story().In(p.Scene).Tell(svg)
}

// covers reports whether a vector has all of another one.
func covers(v, w map[int32]uint64) bool {
	for id, n := range w {
		if v[id] < n {
			return false
		}
	}
	return true
}

// merge adds to a vector what another one has.
func merge(v, w map[int32]uint64) {
	for id, n := range w {
		v[id] = max(v[id], n)
	}
}

// same reports whether two vectors are equal.
func same(v, w map[int32]uint64) bool { return maps.Equal(v, w) }
