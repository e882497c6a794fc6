package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/strife/books"
	"dyno/systems/strife/check"
	"dyno/systems/strife/load"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// Run measures one cell.
func Run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	if err := Check(b.Setting(), v); err != nil {
		return o, err
	}
	if v.Duration(KnobOutage) > 0 {
		return runOutage(ctx, b, v)
	}
	faults, err := inject.Open(b, schedule(v))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, faults.Close()) }()
	t, err := deploy(ctx, b, v, faults)
	if err != nil {
		return o, err
	}
	sampler, err := sample.Start(ctx, t.targets(), 0)
	if err != nil {
		return o, fmt.Errorf("strife: %w", err)
	}
	r, missed, err := t.load(ctx, v)
	samples := sampler.Stop()
	if err != nil {
		return o, err
	}
	t.revived(ctx)
	settled, settleErr := t.settle(ctx)
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	h := history{Missed: missed, Load: r.Checks, Settled: settleErr == nil}
	if blind(b.Setting()) {
		if h.Balances, err = t.balances(ctx); err != nil {
			return o, err
		}
	}
	if err := t.stop(ctx); err != nil {
		return o, err
	}
	ledgers, holds, err := t.read(&h)
	if err != nil {
		return o, err
	}
	// That nothing is in doubt was asked while all served (settled): the record of
	// an abort is lazy, and need not be on disk.
	h.Evidence.Calls = r.Calls
	h.Doomed, h.Deaths = v.Text(KnobFailpoint) != "" || v.Duration(KnobKill) > 0, t.deaths()
	h.forge(v.Text(KnobForge))
	o.Verdict = h.judge()
	t.observe(&o, v, r, ledgers, settled)
	if holds.Count() > 0 { // else the banks keep no log
		o.SetHistogram("hold", holds)
	}
	begin, end := r.Measured()
	var cpu float64
	for _, p := range t.targets() {
		cpu += samples.Window(p.Name, begin, end).CPUSeconds
	}
	if n := r.Window.OK; n > 0 {
		o.Set("cpu_us_per_payment", lie.CPU(v.Text(KnobLie), 0, cpu)*1e6/float64(n))
	}
	o.Evidence.Slack = max(o.Evidence.Slack, int64(samples.Slack(begin, end)))
	return o, systems.KeepHistory(b, h)
}

// read reads what the servers have left on disk; of programs that stand in for them
// it is nobody's business.
func (t *town) read(h *history) (*books.Books, *record.Histogram, error) {
	if h.Balances != nil {
		return nil, record.NewHistogram(), nil
	}
	ledgers, err := books.Read(t.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("strife: %w", err)
	}
	h.Evidence = ledgers.Evidence
	holds, err := t.holds()
	return ledgers, holds, err
}

// targets are the servers, whose processor time counts.
func (t *town) targets() (out []sample.Target) {
	for _, p := range append([]systems.Process{t.gateway}, t.banks...) {
		out = append(out, sample.Of(p))
	}
	return out
}

// load has the users pay while faults strike.
func (t *town) load(ctx context.Context, v systems.Values) (r load.Report, missed []string, err error) {
	var names []string
	for _, u := range t.made.Users {
		names = append(names, u.User)
	}
	l := driver.Launch(t.bench.Setting(), v, []string{"--dir", string(t.dir), "--addresses", t.addresses("load")},
		append(v.Args(load.KnobOverdraw, load.KnobRetry, load.KnobAttempt), "--users", strings.Join(names, ",")))
	l.Role, l.Name = "load", "load"
	ended, err := t.users(ctx, l, &r)
	if err != nil {
		return r, nil, err
	}
	strikes, err := t.faults.Begin(ctx)
	if err != nil {
		return r, nil, err
	}
	killing, stop := context.WithCancel(ctx)
	killed := make(chan error, 1)
	go func() {
		if every := v.Duration(KnobKill); every > 0 {
			killed <- t.killer(killing, ctx, every, t.bench.Setting().Seed)
		}
		close(killed)
	}()
	err = <-ended
	stop()
	err = errors.Join(err, <-killed)
	_, strikesErr := strikes.End()
	return r, strikes.Missed(), errors.Join(err, strikesErr)
}

// history is what a trial's verdict rests on.
type history struct {
	Evidence check.Evidence
	Missed   []string // faults that did not come to pass
	Settled  bool     // the doubt of all banks came to an end
	Load     []record.Check
	Queued   []load.Told // of an outage
	Deaths   int         // of the server that is to die at a point
	Doomed   bool        // there is one

	// Balances are those of the users when all was over, where another program
	// stands in for a server: what is judged instead of journals. By account.
	Balances map[string]int64 `json:",omitempty"`
}

// Judge judges a trial again.
func Judge(bundle string) (record.Verdict, error) {
	var h history
	err := systems.ReadHistory(bundle, &h)
	return h.judge(), err
}

func (h *history) judge() record.Verdict {
	checks := check.Checks(h.Evidence)
	if h.Balances != nil {
		checks = h.judgeAnswers()
	}
	checks = append(checks, h.Load...)
	faults := record.Pass("faults", 1)
	if len(h.Missed) > 0 {
		faults = record.Doubt("faults", 1, "the load was over before %q", h.Missed)
	}
	settled := record.Pass("settled", 1)
	if !h.Settled {
		settled = record.Fail("settled", 1, "banks were still in doubt %v after the load, with everybody back", settleTimeout)
	}
	if h.Doomed && h.Deaths == 0 {
		checks = append(checks, record.Doubt("deaths", 1, "the load was over before a server died at its point"))
	}
	if len(h.Queued) > 0 {
		checks = append(checks, h.judgeQueues())
	}
	return record.Judge(append(checks, faults, settled)...)
}

// longestSilence is the longest time between two payments that users saw as
// paid, while they paid.
func longestSilence(calls []check.Call) (longest time.Duration) {
	var ends []time.Duration
	for _, c := range calls {
		if c.Kind == check.CallPay && c.End != check.Never {
			ends = append(ends, c.End)
		}
	}
	return longestGap(ends)
}

// holdMetrics are what the banks' logs tell.
var holdMetrics = []record.Metric{{
	Name: "hold", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
	Help: "from when a bank holds money for a payment until it hears the outcome, by the banks' logs, warm-up included: the time in doubt",
}}

// logged is a line of a bank's log, as far as holds are concerned.
type logged struct {
	Time   time.Time `json:"time"`
	Msg    string    `json:"msg"`
	Tx     string    `json:"tx"`
	Vote   string    `json:"vote"`
	Micros int64     `json:"us"` // from the request to the vote
}

// holds reads the logs of all banks.
func (t *town) holds() (*record.Histogram, error) {
	h := record.NewHistogram()
	var errs []error
	for _, name := range t.made.Banks {
		errs = append(errs, readHolds(t.dir, name, h))
	}
	return h, errors.Join(errs...)
}

// readHolds adds one bank's. What a killed bank had not written yet is missing.
func readHolds(dir site.Dir, bank string, h *record.Histogram) error {
	f, err := os.Open(dir.Log(security.Party{Role: security.Bank, Name: bank}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	held := map[string]time.Time{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l logged
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // cut short by a kill
		}
		since, known := held[l.Tx]
		switch {
		case l.Msg == "Prepare" && l.Vote == "yes" && !known:
			held[l.Tx] = l.Time.Add(-time.Duration(l.Micros) * time.Microsecond)
		case l.Msg == "Decide" && known:
			h.Record(l.Time.Sub(since))
			delete(held, l.Tx)
		}
	}
	return lines.Err()
}
