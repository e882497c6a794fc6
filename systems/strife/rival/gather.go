package rival

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

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
