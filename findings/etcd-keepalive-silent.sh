#!/bin/sh
# etcd 3.7.3, client/v3: KeepAlive tells late, and in no words, that a lease is gone.
#
# Of a lease that does not exist it returns no error but a channel that closes at
# once, where KeepAliveOnce says "requested lease not found". And of a lease that
# somebody revokes the channel stays open until the next renewal is due, a third of
# its time later: with 12 s the holder believed for 4 s in a lock that all others
# saw free. Who must know sooner watches the key. A closed channel is the only
# sign: treat it as the loss of the lease, whatever the error was.
. "$(dirname "$0")/lib.sh"
module go.etcd.io/etcd/client/v3@v3.7.3 go.etcd.io/etcd/server/v3@v3.7.3 go.uber.org/zap <<'GO'
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	dir := must(os.MkdirTemp("", "etcd"))
	defer os.RemoveAll(dir)
	cfg := embed.NewConfig()
	cfg.Dir = dir
	any := []url.URL{*must(url.Parse("http://127.0.0.1:0"))}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls, cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = any, any, any, any
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	etcd := must(embed.StartEtcd(cfg))
	<-etcd.Server.ReadyNotify()
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{etcd.Clients[0].Addr().String()}, Logger: zap.NewNop()}))
	ctx := context.Background()

	alive, err := client.KeepAlive(ctx, 12345)
	resp, open := <-alive
	fmt.Printf("KeepAlive of no lease: error %v, then %v, open %v\n", err, resp, open)
	_, err = client.KeepAliveOnce(ctx, 12345)
	fmt.Printf("KeepAliveOnce of it: %v\n", err)

	lease := must(client.Grant(ctx, 12))
	must(client.Put(ctx, "lock", "mine", clientv3.WithLease(lease.ID)))
	alive = must(client.KeepAlive(ctx, lease.ID))
	<-alive // renewed just now
	must(client.Revoke(ctx, lease.ID))
	revoked := time.Now()
	fmt.Printf("revoked: %d keys are left\n", len(must(client.Get(ctx, "lock")).Kvs))
	for range alive {
	}
	fmt.Printf("the holder hears of it more than 3 s later: %v\n", time.Since(revoked) > 3*time.Second)
	client.Close()
	etcd.Close()
}
GO
seen=$(./main.bin)
printf '%s\n' "$seen"
want='KeepAlive of no lease: error <nil>, then <nil>, open false
KeepAliveOnce of it: etcdserver: requested lease not found
revoked: 0 keys are left
the holder hears of it more than 3 s later: true'
[ "$seen" = "$want" ] || { printf 'CHANGED, it was:\n%s\n' "$want"; exit 1; }
