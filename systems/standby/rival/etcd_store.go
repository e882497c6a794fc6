package rival

import (
	"context"
	"fmt"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"dyno/bench/deposit"
)

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
