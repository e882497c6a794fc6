#!/bin/sh
# grpc-go 1.85.0: calls beyond what the server allows on a connection
# (MAX_CONCURRENT_STREAMS) wait at the client, without a word.
#
# Ten calls at once of a handler that takes 100 ms, on a connection that may have
# one of them: all end with OK, the last after a second. The server's own figures
# show 100 ms each, and nobody waiting; so do a client's, if it measures from when
# the transport takes a call. With a connection each they take 100 ms.
. "$(dirname "$0")/lib.sh"
module google.golang.org/grpc@v1.85.0 <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	calls = 10
	takes = 100 * time.Millisecond
)

type server struct {
	grpc_health_v1.UnimplementedHealthServer
}

func (server) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	time.Sleep(takes)
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	g := grpc.NewServer(grpc.MaxConcurrentStreams(1))
	grpc_health_v1.RegisterHealthServer(g, server{})
	go g.Serve(l)
	for _, connections := range []int{1, calls} {
		var clients []grpc_health_v1.HealthClient
		for range connections {
			conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
			must(err)
			c := grpc_health_v1.NewHealthClient(conn)
			_, err = c.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}) // connects
			must(err)
			clients = append(clients, c)
		}
		start := time.Now()
		var all sync.WaitGroup
		for i := range calls {
			all.Go(func() {
				_, err := clients[i%connections].Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
				must(err)
			})
		}
		all.Wait()
		fmt.Printf("%d connections: the last of %d calls within 3 times what the handler takes: %v\n", connections, calls, time.Since(start) < 3*takes)
	}
}
GO
seen=$(./main.bin)
printf '%s\n' "$seen"
want='1 connections: the last of 10 calls within 3 times what the handler takes: false
10 connections: the last of 10 calls within 3 times what the handler takes: true'
[ "$seen" = "$want" ] || { printf 'CHANGED, it was:\n%s\n' "$want"; exit 1; }
