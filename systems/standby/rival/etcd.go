package rival

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"dyno/bench/deposit"
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

// etcdLoad is how clients reach etcd: all over one connection to each member, as
// its client has it.
type etcdLoad struct {
	members []string // the leader first
}

func (o etcdLoad) set(l *deposit.Load) {
	var all *clientv3.Client
	gone := l.Gone
	l.Open = func(_ context.Context, client int) (_ deposit.Store, err error) {
		if all == nil {
			if all, err = openEtcd(o.members...); err != nil {
				return nil, err
			}
		}
		key := func(int64) string { return balanceKey(client) }
		if gone {
			key = numbered(listKey(client))
		}
		return etcdStore{all, key}, nil
	}
	l.Stay = func(context.Context) (deposit.Store, error) {
		c, err := openEtcd(o.members[0])
		return etcdStore{c, numbered(stayKey)}, err
	}
}

func openEtcd(members ...string) (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: members, DialTimeout: time.Second, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("etcd's client: %w", err)
	}
	return c, nil
}

// numbered makes a key of its own for each write; fixed width, so that they are in order.
func numbered(list string) func(int64) string {
	return func(n int64) string { return fmt.Sprintf("%s/%012d", list, n) }
}

// etcdStore writes each deposit once; etcd counts how often a key was written.
type etcdStore struct {
	client *clientv3.Client
	key    func(n int64) string
}

// Write implements [deposit.Store].
func (s etcdStore) Write(ctx context.Context, n int64) error {
	_, err := s.client.Put(ctx, s.key(n), strconv.FormatInt(n, 10))
	return err
}

// Close implements [deposit.Store]; the client is closed with the process.
func (s etcdStore) Close() error { return nil }
