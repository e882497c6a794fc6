package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/internal/backoff"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/strife/books"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/load"
)

// KnobQueued is how many payments each user queues while the gateway is away.
const KnobQueued = "queued"

var outageMetrics = []record.Metric{
	{
		Name: "drained", Kind: record.KindScalar, Unit: "payments", Help: "payments that were queued while the gateway was away, and are paid",
		Road: paidRoad(),
	},
	{
		Name: "first_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "from when the gateway is started again until the first user is told that a queued payment is paid",
	},
	{
		Name: "drain_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "from when the gateway is started again until the last user is told of his last payment",
	},
	{
		Name: "drain_rps", Kind: record.KindScalar, Unit: "1/s", Better: record.Higher, Help: "queued payments that were paid, over that time",
	},
}

// runOutage has users pay while the gateway is away.
func runOutage(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	faults, err := inject.Open(b, schedule(v))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, faults.Close()) }()
	t, err := deploy(ctx, b, v, faults)
	if err != nil {
		return o, err
	}
	var r load.Offline
	var back time.Time
	if back, err = t.outage(ctx, v, &r); err != nil {
		return o, err
	}
	if _, err := t.settle(ctx); err != nil {
		return o, err
	}
	if err := t.stop(ctx); err != nil {
		return o, err
	}
	ledgers, err := books.Read(t.dir)
	if err != nil {
		return o, err
	}
	h := history{Evidence: ledgers.Evidence, Settled: true, Queued: r.Told}
	o.Verdict = h.judge()
	n := int64(len(r.Told))
	o.Counts = record.Counts{Offered: n, Sent: n, OK: n}
	if o.Verdict.Status == record.Invalid {
		o.Counts.OK, o.Counts.Failed = 0, n
	}
	o.Evidence = &record.Evidence{Facts: map[string]float64{factBooks: float64(ledgers.Count(coordinator.Paid)), factUnsure: 0}}
	first, last := ends(r.Told)
	o.Set("drained", float64(n))
	o.Set("first_ms", first.Sub(back).Seconds()*1e3)
	o.Set("drain_ms", last.Sub(back).Seconds()*1e3)
	o.Set("drain_rps", float64(n)/max(last.Sub(back).Seconds(), 1e-9))
	o.Set("gateway_starts", float64(ledgers.Starts()))
	o.Set("damage", float64(damage(o.Verdict)))
	return o, systems.KeepHistory(b, h)
}

// outage starts the users, kills the gateway once they have logged in, and
// brings it back; back is when it was started again.
func (t *town) outage(ctx context.Context, v systems.Values, r *load.Offline) (back time.Time, err error) {
	awaited, err := t.users(ctx, systems.Launch{Role: "offline", Name: "offline", Args: []string{
		"--dir", string(t.dir), "--addresses", t.addresses("load"), "--payments", v.Text(KnobQueued),
		"--seed", strconv.FormatUint(t.bench.Setting().Seed, 10),
	}}, r)
	if err != nil {
		return back, err
	}
	if err := t.gateway.Kill(); err != nil {
		return back, err
	}
	if err := backoff.Sleep(ctx, v.Duration(KnobOutage)); err != nil {
		return back, err
	}
	back = time.Now()
	if err := t.gateway.Restart(ctx); err != nil {
		return back, err
	}
	return back, <-awaited
}

// users starts a role of users and returns once they have logged in, with how
// it will end.
func (t *town) users(ctx context.Context, l systems.Launch, report any) (ended <-chan error, err error) {
	l.CPUs = 2 // as many as those have who drive PostgreSQL, for the sake of comparison
	awaited := make(chan error, 1)
	go func() { awaited <- driver.Await(ctx, t.bench, l, report) }()
	ready := filepath.Join(string(t.dir), load.ReadyFile)
	for {
		if err := systems.Fetch(ctx, t.bench, ready); err != nil {
			return nil, err
		}
		if _, err := os.Stat(ready); err == nil {
			return awaited, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case err := <-awaited:
			return nil, errors.Join(errors.New("the users ended before they had all logged in"), err)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func ends(told []load.Told) (first, last time.Time) {
	moment := func(t load.Told) int64 { return t.Ended }
	var all []int64
	for _, t := range told {
		all = append(all, moment(t))
	}
	if len(all) == 0 {
		return first, last
	}
	return time.Unix(0, slices.Min(all)), time.Unix(0, slices.Max(all))
}

// judgeQueues: every user was told once of each payment that was queued, and it
// is in the gateway's journal as he was told, in the order in which he asked.
func (h *history) judgeQueues() record.Check {
	const name = "queues"
	type key struct{ user, key string }
	told := map[key]outbox.Outcome{}
	for _, t := range h.Queued {
		k := key{t.User, t.Key}
		if _, twice := told[k]; twice {
			return record.Fail(name, int64(len(h.Queued)), "%s was told twice of %s", t.User, t.Key)
		}
		told[k] = t.Outcome
	}
	last := map[string]int{}
	for _, d := range h.Evidence.Gateway {
		if d.Key == "" || d.Status != coordinator.Paid {
			continue
		}
		k := key{d.User, d.Key}
		if told[k] != outbox.Paid {
			return record.Fail(name, int64(len(told)), "%s of %s is paid, and its user was told %q", d.Key, d.User, told[k])
		}
		delete(told, k)
		var n int
		if _, err := fmt.Sscanf(d.Key, "offline-%d", &n); err != nil || n <= last[d.User] {
			return record.Fail(name, int64(len(h.Queued)), "%s of %s is paid after offline-%d", d.Key, d.User, last[d.User])
		}
		last[d.User] = n
	}
	for k, outcome := range told {
		return record.Fail(name, int64(len(h.Queued)), "%s was told that %s is %s, and no journal says that it is paid", k.user, k.key, outcome)
	}
	return record.Pass(name, int64(len(h.Queued)))
}

// mostAway bounds how long a killed server stays away.
const mostAway = 600 * time.Millisecond

// killer kills one server after the other, at random, each once the one before
// is back, until its context ends. A pause between has a mean of every.
func (t *town) killer(ctx, life context.Context, every time.Duration, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0x6b111))
	all := append([]systems.Process{t.gateway, t.gateway}, t.banks...) // with three banks, two kills of five are its
	for {
		if backoff.Sleep(ctx, time.Duration(r.Int64N(int64(2*every)))) != nil {
			return nil
		}
		p := all[r.IntN(len(all))]
		if err := p.Kill(); err != nil {
			return err
		}
		_ = backoff.Sleep(life, time.Duration(r.Int64N(int64(mostAway))))
		if err := p.Restart(life); err != nil {
			return err
		}
		t.mu.Lock()
		t.restarts++
		t.mu.Unlock()
	}
}
