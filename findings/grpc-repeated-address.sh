#!/bin/sh
# grpc-go 1.85.0: an address that a resolver gives several times counts once.
#
# round_robin over [A, A, A, B] does not send three quarters to A but half, with
# Addresses as with Endpoints: repeating an address is no way to give it weight,
# and nothing says that the repeats were dropped.
. "$(dirname "$0")/lib.sh"
module google.golang.org/grpc@v1.85.0 <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

const calls = 1000

type server struct {
	grpc_health_v1.UnimplementedHealthServer
	address string
	calls   atomic.Int64
}

func (s *server) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	s.calls.Add(1)
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func start() *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	s, g := &server{address: l.Addr().String()}, grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(g, s)
	go g.Serve(l)
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func share(state resolver.State) {
	a.calls.Store(0)
	given := manual.NewBuilderWithScheme("given")
	given.InitialState(state)
	conn, err := grpc.NewClient("given:///", grpc.WithResolvers(given), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
	must(err)
	defer conn.Close()
	call := func() {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
		must(err)
	}
	for b.calls.Store(0); a.calls.Load() == 0 || b.calls.Load() == 0; { // until both are connected
		call()
	}
	a.calls.Store(0)
	for range calls {
		call()
	}
	fmt.Printf("%d of %d calls to A\n", a.calls.Load(), calls)
}

var a, b = start(), start()

func main() {
	var plain, ends resolver.State
	for _, s := range []*server{a, a, a, b} {
		at := resolver.Address{Addr: s.address}
		plain.Addresses = append(plain.Addresses, at)
		ends.Endpoints = append(ends.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{at}})
	}
	share(plain)
	share(ends)
}
GO
seen=$(./main.bin)
printf '%s\n' "$seen"
want='500 of 1000 calls to A
500 of 1000 calls to A'
[ "$seen" = "$want" ] || { printf 'CHANGED, it was:\n%s\n' "$want"; exit 1; }
