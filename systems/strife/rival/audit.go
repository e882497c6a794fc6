package rival

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// history is what a trial left: what the clients were told, and the tables.
type history struct {
	Load        []record.Check `json:"load"` // the generator's own
	Acked       []ack          `json:"acked"`
	Clusters    []cluster      `json:"clusters"`
	Connections int            `json:"connections"` // to each cluster
	Killed      bool           `json:"killed"`      // somebody was: the counters are not whole
	Again       *int           `json:"again"`       // payments that were asked for twice, and paid by the first; nil: nobody lived to ask
	Version     string         `json:"version"`
}

// ack is a payment that a client was told is paid.
type ack struct {
	Key      string `json:"key"`
	From, To int
	Amount   int64
}

// cluster is what one of them holds in the end.
type cluster struct {
	Name       string `json:"name"`
	Sum        int64  `json:"sum"` // of the balances
	Accounts   int64  `json:"accounts"`
	InDoubt    int64  `json:"in_doubt"`
	Mismatched int64  `json:"mismatched"` // accounts whose balance is not the first one and its legs
	Syncs      int64  `json:"syncs"`      // of its log, under the load
	Legs       []leg  `json:"legs"`
}

// leg is one side of a payment; what goes out is negative.
type leg struct {
	Key     string `json:"key"`
	Account int    `json:"account"`
	Amount  int64  `json:"amount"`
}

// payments is how many there are in the tables.
func (h history) payments() int64 {
	var n int64
	for _, c := range h.Clusters {
		n += int64(len(c.Legs))
	}
	return n / 2
}

func (h history) syncs() (n int64) {
	for _, c := range h.Clusters {
		n += c.Syncs
	}
	return n
}

// Judge judges a trial again by its bundle.
func Judge(bundle string) (record.Verdict, error) {
	var h history
	err := systems.ReadHistory(bundle, &h)
	return h.judge(), err
}

// judge is the audit.
func (h history) judge() record.Verdict {
	checks := append(h.Load, h.conserved(), h.settled(), h.atomic(), h.acknowledged(), h.durable(), rival.Checked(h.Version))
	if h.Again != nil {
		checks = append(checks, h.replayed())
	}
	return record.Judge(checks...)
}

// conserved: no money came or went, and every balance is what its legs make of it.
func (h history) conserved() record.Check {
	const name = "conserved"
	var sum, n int64
	for _, c := range h.Clusters {
		sum, n = sum+c.Sum, n+c.Accounts
		if c.Mismatched > 0 {
			return record.Fail(name, n, "%s: %d balances are not what their payments make of them", c.Name, c.Mismatched)
		}
	}
	if want := int64(accounts) * balance * int64(len(h.Clusters)); sum != want {
		return record.Fail(name, n, "the balances add up to %d, at first they were %d", sum, want)
	}
	return record.Pass(name, n)
}

// settled: nothing is in doubt any more.
func (h history) settled() record.Check {
	for _, c := range h.Clusters {
		if c.InDoubt > 0 {
			return record.Fail("settled", int64(len(h.Clusters)), "%s still holds %d prepared transactions", c.Name, c.InDoubt)
		}
	}
	return record.Pass("settled", int64(len(h.Clusters)))
}

// sides are the legs of one payment.
type sides struct {
	out, in int // how many
	paid    leg // the one that pays
	got     leg
}

func (h history) sides() map[string]sides {
	all := make(map[string]sides)
	for _, c := range h.Clusters {
		for _, l := range c.Legs {
			s := all[l.Key]
			if l.Amount < 0 {
				s.out, s.paid = s.out+1, l
			} else {
				s.in, s.got = s.in+1, l
			}
			all[l.Key] = s
		}
	}
	return all
}

// atomic: of every payment both sides are there, once.
func (h history) atomic() record.Check {
	all := h.sides()
	for _, key := range slices.Sorted(maps.Keys(all)) { // in order, for the same words again
		s := all[key]
		if s.out != 1 || s.in != 1 || s.paid.Amount != -s.got.Amount {
			return record.Fail("atomic", int64(len(all)), "payment %s was paid %d times and received %d times, of %d and %d", key, s.out, s.in,
				s.paid.Amount, s.got.Amount)
		}
	}
	return record.Pass("atomic", int64(len(all)))
}

// acknowledged: what a client was told is paid is there, as it was ordered; and
// nobody was told twice.
func (h history) acknowledged() record.Check {
	const name = "acknowledged"
	n := int64(len(h.Acked))
	all := h.sides()
	told := make(map[string]bool)
	for _, a := range h.Acked {
		s, there := all[a.Key]
		switch {
		case told[a.Key]:
			return record.Fail(name, n, "payment %s was acknowledged twice", a.Key)
		case !there:
			return record.Fail(name, n, "payment %s was acknowledged, and is not there", a.Key)
		case s.paid.Account != a.From || s.got.Account != a.To || s.got.Amount != a.Amount:
			return record.Fail(name, n, "payment %s is of %d from %d to %d, ordered were %d from %d to %d", a.Key, s.got.Amount, s.paid.Account,
				s.got.Account, a.Amount, a.From, a.To)
		}
		told[a.Key] = true
	}
	return record.Pass(name, n)
}

// replayed: a client that had lost its answer asked again under its key, and was
// told the same. That it moved no money the other checks say.
func (h history) replayed() record.Check {
	if *h.Again != 1 {
		return record.Fail("replayed", 1, "a payment that was paid was asked for again, and not answered")
	}
	return record.Pass("replayed", 1)
}

// durable: each payment waits for a sync of each cluster's log that begins after
// it, so one sync serves as many payments as there are connections, at most.
func (h history) durable() record.Check {
	const name = "durable"
	n := int64(len(h.Acked))
	if h.Killed {
		return record.Check{Name: name, Status: record.Valid, Examined: 1, Detail: "not asked: a crash resets the counters"}
	}
	for _, c := range h.Clusters {
		if c.Syncs*int64(h.Connections) < n {
			return record.Fail(name, n, "%d payments were acknowledged over %d connections, and %s synced its log %d times", n, h.Connections,
				c.Name, c.Syncs)
		}
	}
	return record.Pass(name, n)
}

// syncs are those of each cluster's write-ahead log, as it counts them.
func (t *bench) syncs(ctx context.Context) (out []int64, err error) {
	for _, c := range t.clusters {
		text, err := c.Query(ctx, "SELECT wal_sync FROM pg_stat_wal")
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// audit reads all that there is to be judged.
func (t *bench) audit(ctx context.Context) (h history, err error) {
	if h.Acked, err = readAcks(t.acks); err != nil {
		return h, err
	}
	for _, c := range t.clusters {
		one := cluster{Name: c.Name()}
		text, err := c.Query(ctx, `SELECT sum(balance), count(*) FROM accounts;
SELECT count(*) FROM pg_prepared_xacts;
SELECT count(*) FROM accounts a LEFT JOIN (SELECT account, sum(amount) s FROM legs GROUP BY 1) l ON l.account = a.id
	WHERE a.balance <> `+strconv.Itoa(balance)+` + coalesce(l.s, 0);
SELECT key, account, amount FROM legs`)
		if err != nil {
			return h, err
		}
		lines := strings.Split(text, "\n")
		if len(lines) < 3 {
			return h, fmt.Errorf("%s: the audit reads %q", c.Name(), text)
		}
		if _, err := fmt.Sscanf(strings.ReplaceAll(strings.Join(lines[:3], " "), "|", " "), "%d %d %d %d", &one.Sum, &one.Accounts, &one.InDoubt,
			&one.Mismatched); err != nil {
			return h, fmt.Errorf("%s: the audit reads %q: %w", c.Name(), lines[:3], err)
		}
		for _, line := range lines[3:] {
			l, err := readLeg(line)
			if err != nil {
				return h, err
			}
			one.Legs = append(one.Legs, l)
		}
		h.Clusters = append(h.Clusters, one)
	}
	return h, nil
}

func readLeg(line string) (l leg, err error) {
	f := strings.Split(line, "|")
	if len(f) != 3 {
		return l, fmt.Errorf("a leg of a payment reads %q", line)
	}
	l.Key = f[0]
	_, err = fmt.Sscan(f[1]+" "+f[2], &l.Account, &l.Amount)
	return l, err
}

// readAcks reads the payments that were acknowledged. Of a coordinator that was
// killed the last line may be half of one.
func readAcks(path string) (out []ack, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var a ack
		if _, err := fmt.Sscan(s.Text(), &a.Key, &a.From, &a.To, &a.Amount); err != nil {
			return out, fmt.Errorf("%s: %q: %w", path, s.Text(), err)
		}
		out = append(out, a)
	}
	return out, nil
}
