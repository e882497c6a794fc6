package rival

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"dyno/bench/rival"
	"dyno/systems"
)

// members is how many etcd has: two of them are a majority.
const members = 3

// etcdTrio is a cluster of etcd, its leader first.
type etcdTrio []*rival.Etcd

// openEtcdCluster starts etcd, of one member where the mutant leaves the others out.
func openEtcdCluster(ctx context.Context, room *rival.Room, v systems.Values) (*cluster, error) {
	n := members
	if v.Text(rival.KnobMutant) == mutantNoWait {
		n = 1
	}
	all, err := room.Etcd(ctx, n)
	if err != nil {
		return nil, err
	}
	t := etcdTrio(all)
	if err := t.leaderFirst(ctx); err != nil {
		return nil, err
	}
	c := &cluster{after: t.after, survive: t.survive}
	var addrs []string
	for _, e := range t {
		c.servers, addrs = append(c.servers, e), append(addrs, e.Endpoint)
	}
	c.load = systems.Launch{
		Role: rival.RoleLoader, Name: rival.RoleLoader, Args: []string{"--etcd", strings.Join(addrs, ",")},
	}
	return c, nil
}

// ask does something with a client of one member only.
func ask(ctx context.Context, e *rival.Etcd, do func(c *clientv3.Client) error) error {
	c, err := openEtcd(e.Endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := do(c); err != nil {
		return fmt.Errorf("%s: %w", e.Name(), err)
	}
	return ctx.Err()
}

// leaderFirst puts the member first that is to be struck.
func (t etcdTrio) leaderFirst(ctx context.Context) error {
	for i, e := range t {
		leads := false
		err := ask(ctx, e, func(c *clientv3.Client) error {
			s, err := c.Status(ctx, e.Endpoint)
			leads = err == nil && s.Leader == s.Header.MemberId
			return err
		})
		if err != nil {
			return err
		}
		if leads {
			t[0], t[i] = t[i], t[0]
			return nil
		}
	}
	return fmt.Errorf("none of etcd's %d members leads", len(t))
}

// after asks every member for the accounts, through which a member first hears of
// all that was written: how often each was. Each sync serves as many writes as
// came meanwhile, one per client at most.
func (t etcdTrio) after(ctx context.Context, clients int, h *history) error {
	for _, e := range t {
		one := server{Name: e.Name(), Balances: make([]int64, clients)}
		err := ask(ctx, e, func(c *clientv3.Client) error {
			for i := range clients {
				r, err := c.Get(ctx, balanceKey(i))
				if err != nil {
					return err
				}
				for _, kv := range r.Kvs {
					one.Balances[i] = kv.Version
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		syncs, err := e.Syncs(ctx)
		if err != nil {
			return err
		}
		var wrote int64
		for _, n := range one.Balances {
			wrote += n
		}
		one.Durable, one.Says = syncs*int64(clients) >= wrote, fmt.Sprintf("%d syncs of its log for %d writes", syncs, wrote)
		h.Servers, h.Writes = append(h.Servers, one), max(h.Writes, wrote)
	}
	if len(t) == members { // a majority has what is acknowledged
		h.Receipts = h.Writes
	}
	return nil
}

// survive asks a member that was not struck.
func (t etcdTrio) survive(ctx context.Context, clients int) (s survivor, err error) {
	e := t[len(t)-1]
	s.Addr = e.Endpoint
	err = ask(ctx, e, func(c *clientv3.Client) error {
		for i := range clients {
			w, err := numbers(ctx, c, listKey(i))
			if err != nil {
				return err
			}
			s.Writes = append(s.Writes, w)
		}
		s.Stay, err = numbers(ctx, c, stayKey)
		return err
	})
	return s, err
}

// numbers are the writes of a list, each as often as it was written.
func numbers(ctx context.Context, c *clientv3.Client, list string) (out []int64, err error) {
	r, err := c.Get(ctx, list+"/", clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	for _, kv := range r.Kvs {
		n, err := strconv.ParseInt(string(kv.Value), 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.Repeat([]int64{n}, int(kv.Version))...)
	}
	return out, nil
}
