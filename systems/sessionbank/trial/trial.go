package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/fault"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/bench/sample"
	"dyno/bench/story"
	"dyno/internal/branches/group"
	"dyno/internal/journal"
	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/sessionbank/check"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
	"dyno/systems/sessionbank/customer"
)

// initial is the balance at the beginning.
const initial = 1000

// settleFor is how long branches may take to catch up with each other after the
// load.
const settleFor = 30 * time.Second

// Check refuses knobs with which a trial would not measure what they say.
func Check(set systems.Setting, v systems.Values) error {
	if driver.IsGHZ(v.Text(driver.KnobDriver)) {
		return errors.New("sessionbank: ghz carries no token from one answer to the next request: use our own loops")
	}
	if v.Text(KnobDelay) != "0s" && v.Int(KnobBranches) == 1 {
		return errors.New("sessionbank: one branch has nobody to propagate to: a delay would change nothing")
	}
	if v.Text(KnobMutant) == "amnesia" && v.Text(KnobGuarantees) == "none" {
		return errors.New("sessionbank: mutant amnesia leaves tokens behind, and without guarantees there are none")
	}
	faults, err := fault.Parse(v.Text(inject.Knob.Name))
	if err != nil {
		return fmt.Errorf("sessionbank: faults: %w", err)
	}
	var names []string
	for _, id := range ids(v) {
		names = append(names, group.Name(id))
	}
	if err := (inject.Ground{Processes: names, Links: inject.Pairs(names...)}).Check(v.Text(inject.Knob.Name)); err != nil {
		return fmt.Errorf("sessionbank: %w", err)
	}
	ends := func(f fault.Fault) bool {
		return slices.Contains([]fault.Kind{fault.Kill, fault.Stop, fault.Restart}, f.Kind)
	}
	if v.Text(KnobDurable) == "no" && slices.ContainsFunc(faults, ends) {
		return errors.New("sessionbank: a branch that keeps nothing and is started again has forgotten what others have seen: use durable=yes")
	}
	if err := driver.Measurable(set, v); err != nil {
		return fmt.Errorf("sessionbank: %w", err)
	}
	return nil
}

// Overhead is what a trial takes beside its window: the deposits before it, at a
// careful guess, and the processes.
func Overhead(v systems.Values) time.Duration {
	return 150*time.Millisecond + time.Duration(v.Int(KnobHistory))*70*time.Microsecond + 4*v.Duration(KnobDelay)
}

// run is one trial under way.
type run struct {
	bench     systems.Bench
	values    systems.Values
	faults    *inject.Faults
	processes []systems.Process
	data      string
	report    report
	history   check.History
	checks    []record.Check // beside those of the history
	scene     story.Scene
	cpu       float64 // seconds of the branches in the window
	slack     time.Duration
}

// Trial measures one cell.
func Trial(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	if err := Check(b.Setting(), v); err != nil {
		return o, err
	}
	t := &run{bench: b, values: v}
	text := v.Text(inject.Knob.Name)
	if d := v.Duration(KnobDelay); d > 0 {
		text = strings.TrimSuffix(fmt.Sprintf("delay *<->*=%v@0s; %s", d, text), "; ")
	}
	if t.faults, err = inject.Open(b, text); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, t.faults.Close()) }()
	if err := t.start(ctx); err != nil {
		return o, err
	}
	if err := t.load(ctx); err != nil {
		return o, err
	}
	if err := t.collect(ctx); err != nil {
		return o, err
	}
	return t.observe()
}

// ids are the branches of a trial.
func ids(v systems.Values) (all []replica.ID) {
	for i := range v.Int(KnobBranches) {
		all = append(all, replica.ID(i+1))
	}
	return all
}

// start starts the branches.
func (t *run) start(ctx context.Context) (err error) {
	s := group.Spec{Role: "branch", IDs: ids(t.values), Balance: initial, Args: []string{"--wait", t.values.Text(KnobWait)}}
	if t.values.Text(KnobDurable) == "yes" {
		if t.data, err = t.bench.Dir("data"); err != nil {
			return err
		}
		s.Data = t.data
	}
	if t.faults.OnLinks() {
		s.Link = t.faults.Link
	}
	if t.processes, err = group.Start(ctx, t.bench, s); err != nil {
		return err
	}
	for _, p := range t.processes {
		t.faults.Add(p)
	}
	return nil
}

// load runs the generator while the faults strike.
func (t *run) load(ctx context.Context) error {
	targets := make([]sample.Target, len(t.processes))
	addresses := make([]string, len(t.processes))
	for i, p := range t.processes {
		targets[i], addresses[i] = sample.Of(p), p.Addr()
	}
	sampler, err := sample.Start(ctx, targets, 0)
	if err != nil {
		return err
	}
	all := append(t.values.Args(KnobGuarantees, KnobToken, KnobReads, KnobMove, KnobHistory, KnobWait, KnobMutant, KnobLie),
		"--at", strings.Join(addresses, ","))
	generator, err := driver.Begin(ctx, t.bench, driver.Launch(t.bench.Setting(), t.values, all, nil))
	if err != nil {
		return err
	}
	strikes, err := t.faults.Begin(ctx)
	if err != nil {
		return err
	}
	err = generator.End(&t.report)
	samples := sampler.Stop()
	_, strikesErr := strikes.End()
	if err := errors.Join(err, strikesErr); err != nil {
		return err
	}
	begin, end := t.report.Measured()
	for i, p := range t.processes {
		t.cpu += lie.CPU(t.values.Text(KnobLie), i, samples.Window(p.Name(), begin, end).CPUSeconds)
	}
	t.slack = samples.Slack(begin, end)
	t.scene = story.SceneOf(strikes.Absences(), t.faults.Trace(), time.Unix(0, t.report.Zero), func(process string) string {
		return "branch " + strings.TrimPrefix(process, "b")
	})
	if missed := strikes.Missed(); len(missed) > 0 {
		t.checks = append(t.checks, record.Doubt("faults", 1, "the load was over before %q", missed))
	}
	return nil
}

// collect waits until every branch has everything, and reads what they hold: from
// themselves and, once they are stopped, from their journals.
func (t *run) collect(ctx context.Context) error {
	var conns []*grpc.ClientConn
	for _, p := range t.processes {
		conn, err := rpc.Dial(p.Addr())
		if err != nil {
			return err
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	clients := customer.Branches(conns)
	settling, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	err := customer.Settle(settling, clients)
	if err != nil && settling.Err() == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	g, _ := token.ParseGuarantees(t.values.Text(KnobGuarantees)) // checked when it was read
	t.history = check.History{Initial: initial, Guarantees: g, Ops: t.report.Ops, Settled: err == nil}
	for _, c := range clients {
		s, err := customer.Describe(ctx, c, nil)
		if err != nil {
			return err
		}
		t.history.Branches = append(t.history.Branches, s.Branch)
	}
	if err := systems.StopAll(ctx, t.processes...); err != nil {
		return err
	}
	return t.journals()
}

// journals holds what the branches told against their disks; what another program
// keeps there is its own business.
func (t *run) journals() error {
	if t.data == "" || t.bench.Setting().Stands("branch") {
		return nil
	}
	var n int64
	for _, b := range t.history.Branches {
		var log bank.ApplyLog
		add := func(e journal.Entry) error { return log.Add(e.Data) }
		_, err := journal.Scan(filepath.Join(t.data, group.Name(b.ID)), journal.Options{}, add)
		if err != nil {
			return err
		}
		n += int64(len(log))
		same := func(disk, told bank.Entry) bool { told.Twice = false; return disk == told }
		if !slices.EqualFunc(log, b.Log, same) {
			t.checks = append(t.checks,
				record.Fail("journal", n, "branch %d tells of %d writes, its journal has %d, or others", b.ID, len(b.Log), len(log)))
			return nil
		}
	}
	t.checks = append(t.checks, record.Pass("journal", n))
	return nil
}

// left is what a trial leaves in its bundle for [Judge].
type left struct {
	History check.History  `json:"history"`
	Scene   story.Scene    `json:"scene"` // around what broke a promise
	Checks  []record.Check `json:"checks"`
}

// Explain tells what broke a promise in the trial that left a bundle.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var l left
	if err := systems.ReadHistory(bundle, &l); err != nil {
		return nil, err
	}
	return l.History.Story().In(l.Scene).Tell(svg)
}

// Judge comes to the verdict of a trial by what it left.
func Judge(bundle string) (record.Verdict, error) {
	var l left
	if err := systems.ReadHistory(bundle, &l); err != nil {
		return record.Verdict{}, err
	}
	return l.History.Judge(l.Checks...), nil
}
