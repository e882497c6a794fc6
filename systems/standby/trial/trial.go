package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/sample"
	"dyno/internal/backoff"
	"dyno/internal/record"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/client"
	"dyno/systems/standby/cluster"
	"dyno/systems/standby/config"
	"dyno/systems/standby/generator"
)

// Names of what a trial leaves in its bundle.
const (
	dirCluster  = "cluster"
	dirRecord   = "requests"
	fileHistory = "requests.bin"
)

// openingBalance is large enough that withdrawals of a short trial are refused
// now and then and not always.
const openingBalance = 1000

// run is one trial under way.
type run struct {
	bench   systems.Bench
	values  systems.Values
	plan    *plan
	faults  *inject.Faults
	cluster *cluster.Cluster
	bank    *client.Bank
	file    string // of the requests
	report  generator.Report
	samples sample.Samples
	found   found
}

// Trial measures one cell.
func Trial(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	if err := Check(b.Setting(), v); err != nil {
		return o, err
	}
	t := &run{bench: b, values: v, plan: newPlan(b.Setting(), v)}
	if t.faults, err = inject.Open(b, t.plan.schedule); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, t.faults.Close()) }()
	if err := t.start(ctx); err != nil {
		return o, err
	}
	defer t.bank.Close()
	if err := t.measure(ctx); err != nil {
		return o, err
	}
	return t.observe()
}

// start starts the cluster and waits until the servers are a pair.
func (t *run) start(ctx context.Context) error {
	v := t.values
	opening := map[string]int64{}
	for i := range v.Int(knobAccounts) {
		opening[generator.Account(int32(i))] = openingBalance
	}
	args := []string{"--compact", "0", "--ship", v.Text(knobShip)}
	if v.Text(knobStorage) == memory {
		args = append(args, "--in-memory")
	}
	var err error
	t.cluster, err = cluster.Start(ctx, t.bench, cluster.Options{
		Accounts: opening, Async: v.Text(knobReplicate) == async, Lease: t.plan.lease, Witness: true, Args: args,
		Faults: t.faults,
	})
	if err != nil {
		return err
	}
	if t.bank, err = client.Dial(client.Options{Hosts: t.cluster.Hosts}); err != nil {
		return err
	}
	_, err = t.settle(ctx)
	return err
}

// settle waits until the servers are a pair that is at rest.
func (t *run) settle(ctx context.Context) ([2]*standbyv1.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime+10*t.plan.lease)
	defer cancel()
	return t.settling(ctx, equal)
}

// settling waits until one server is primary and the other one its standby, and
// returns what they say.
func (t *run) settling(ctx context.Context, are func(p, s *standbyv1.StatusResponse) bool) ([2]*standbyv1.StatusResponse, error) {
	for {
		all := t.bank.Status(ctx)
		var out [2]*standbyv1.StatusResponse
		var said []string
		for i, s := range all {
			out[i] = s.Status
			said = append(said, fmt.Sprintf("%s: %v, error %v", s.Name, s.Status, s.Err))
		}
		if are(out[0], out[1]) || are(out[1], out[0]) {
			return out, nil
		}
		if err := backoff.Sleep(ctx, settleEvery); err != nil {
			return out, fmt.Errorf("standby: the servers are no pair: %q: %w", said, err)
		}
	}
}

const (
	settleTime  = 10 * time.Second
	settleEvery = 10 * time.Millisecond
)

// paired says that one server is primary, and the other one may take over.
func paired(p, s *standbyv1.StatusResponse) bool {
	return p.GetRole() == standbyv1.Role_ROLE_PRIMARY && s.GetRole() == standbyv1.Role_ROLE_STANDBY &&
		!p.GetAlone() && p.GetEpoch() == s.GetEpoch()
}

// equal says that the other one has all that the primary has, too.
func equal(p, s *standbyv1.StatusResponse) bool {
	return paired(p, s) && p.GetShipped() == p.GetAction() && s.GetAction() == p.GetAction()
}

// measure has the load run while faults strike, and gathers what is left.
func (t *run) measure(ctx context.Context) error {
	targets := []sample.Target{sample.Of(t.cluster.Witness)}
	for _, s := range t.cluster.Servers {
		targets = append(targets, sample.Of(s))
	}
	sampler, err := sample.Start(ctx, targets, 0)
	if err != nil {
		return err
	}
	load, err := t.load(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	strikes, err := t.faults.Begin(ctx)
	if err != nil {
		return err
	}
	endStrikes := t.strike(ctx)
	err = load.End(&t.report)
	own, ownErr := endStrikes()
	struck, endErr := strikes.End()
	t.samples = *sampler.Stop()
	if err := errors.Join(err, ownErr, endErr, ctx.Err()); err != nil {
		return err
	}
	t.found.Struck = own
	for _, s := range struck {
		t.found.Struck = append(t.found.Struck, struckAt{
			Kind: string(s.Event.Fault.Kind), Node: s.Event.Fault.Node, Ends: s.Event.Ends, At: began.Add(s.At).UnixNano(),
		})
	}
	t.found.Missed = strikes.Missed()
	status, err := t.settle(ctx)
	if err != nil {
		return err
	}
	for i, s := range status {
		t.found.Servers[i] = serverAt{
			Primary: s.GetRole() == standbyv1.Role_ROLE_PRIMARY, Action: s.GetAction(), Checksum: s.GetChecksum(), Answered: s.GetAnswered(),
			Entries: s.GetEntries(), Batches: s.GetBatches(), Bytes: s.GetShippedBytes(), Lost: s.GetLost(),
		}
	}
	for _, p := range []systems.Process{t.cluster.Servers[0], t.cluster.Servers[1], t.cluster.Witness} {
		if err := p.Stop(ctx); err != nil {
			return err
		}
	}
	return systems.Fetch(ctx, t.bench, filepath.Dir(t.cluster.Config)) // the journals lie beside what command lines name
}

// load is the generator in a process of its own, once its load begins.
func (t *run) load(ctx context.Context) (*driver.Under, error) {
	dir, err := t.bench.Dir(dirRecord)
	if err != nil {
		return nil, err
	}
	t.file = filepath.Join(dir, fileHistory)
	set, v := t.bench.Setting(), t.values
	attempt := min(client.DefaultAttempt, t.plan.lease/3)
	args := append(v.Args(driver.KnobClients, knobLookups),
		"--config", t.cluster.Config, "--accounts", strconv.Itoa(min(v.Int(knobAccounts), v.Int(driver.KnobClients))),
		"--stream="+strconv.FormatBool(v.Text(knobAPI) == stream), "--attempt", attempt.String(), "--history", t.file,
		"--warmup", set.Warmup.String(), "--length", t.plan.length.String(), "--seed", strconv.FormatUint(set.Seed, 10), "--json")
	if t.plan.strike == strikePause {
		args = append(args, "--stay", config.S1)
	}
	return driver.Begin(ctx, t.bench, systems.Launch{Role: generator.Role, Name: generator.Role, Args: args})
}

// striker strikes whoever is primary, again and again, each time once the servers
// are a pair: what becomes of a primary that is alone is another question.
type striker struct {
	trial  *run
	rng    *rand.Rand
	done   []struckAt
	failed error
}

// strike begins, and returns what ends it: all are whole again then.
func (t *run) strike(ctx context.Context) (end func() ([]struckAt, error)) {
	s := &striker{trial: t, rng: rand.New(rand.NewPCG(t.bench.Setting().Seed, 1))}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		if t.plan.strike == strikeNone {
			return
		}
		_ = backoff.Sleep(ctx, t.bench.Setting().Warmup+lead)
		for n := 0; n < t.plan.strikes && ctx.Err() == nil && s.failed == nil; n++ {
			s.next(ctx)
		}
	}()
	return func() ([]struckAt, error) {
		cancel()
		<-over
		return s.done, s.failed
	}
}

// next waits for a pair, strikes its primary, and makes that whole again.
func (s *striker) next(ctx context.Context) {
	t := s.trial
	status, err := t.settling(ctx, paired)
	if err != nil || backoff.Sleep(ctx, pairedFor+time.Duration(s.rng.Int64N(int64(t.plan.lease/4)))) != nil {
		return // the load is over
	}
	victim := t.cluster.Servers[0]
	if status[1].GetRole() == standbyv1.Role_ROLE_PRIMARY {
		victim = t.cluster.Servers[1]
	}
	begin, end := systems.Process.Kill, func() error { return victim.Restart(context.WithoutCancel(ctx)) }
	if t.plan.strike == strikePause {
		begin, end = systems.Process.Pause, victim.Resume
	}
	at := struckAt{Kind: t.plan.strike, Node: victim.Name(), At: time.Now().UnixNano()}
	if s.failed = begin(victim); s.failed != nil {
		return
	}
	t.bench.Logf("%s of %s", t.plan.strike, victim.Name())
	_ = backoff.Sleep(ctx, t.plan.down())
	s.done = append(s.done, at)
	at.Ends, at.At = true, time.Now().UnixNano()
	s.done = append(s.done, at)
	s.failed = errors.Join(s.failed, end())
}

// pairedFor is how long the servers are a pair before one is struck, so that
// clients have got that far, and one failover can be told from the next.
const pairedFor = 200 * time.Millisecond
