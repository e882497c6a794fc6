#!/bin/sh
# grpc-go 1.85.0, weighted_round_robin: a backend that reports a utilisation of 0,
# since it is idle, is taken for one that has reported nothing. It gets the mean
# weight of the others: an equal share, while they say that they are at 90 %.
# The same backend at 0.001 draws nearly all calls. Three backends, 900 calls
# after both periods of the configuration (0.1 s each) are over; the shares are
# the first one's, rounded to tenths.
#
# Who reports a rounded or a windowed utilisation turns the most idle server
# into an average one: report a small number instead of 0.
. "$(dirname "$0")/lib.sh"
module google.golang.org/grpc@v1.85.0 <<'GO'
package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

const calls = 900

type server struct {
	grpc_health_v1.UnimplementedHealthServer
	address     string
	utilisation float64
	calls       atomic.Int64
}

func (s *server) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	s.calls.Add(1)
	load := orca.CallMetricsRecorderFromContext(ctx)
	load.SetApplicationUtilization(s.utilisation)
	load.SetQPS(100)
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func start(utilisation float64) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	s, g := &server{address: l.Addr().String(), utilisation: utilisation}, grpc.NewServer(orca.CallMetricsServerOption(nil))
	grpc_health_v1.RegisterHealthServer(g, s)
	go g.Serve(l)
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func share(first float64) {
	servers := []*server{start(first), start(0.9), start(0.9)}
	var state resolver.State
	for _, s := range servers {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: s.address}}})
	}
	given := manual.NewBuilderWithScheme("given")
	given.InitialState(state)
	conn, err := grpc.NewClient("given:///", grpc.WithResolvers(given), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"weighted_round_robin":{"blackoutPeriod":"0.1s","weightUpdatePeriod":"0.1s"}}]}`))
	must(err)
	defer conn.Close()
	call := func() {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
		must(err)
	}
	heard := func() bool { // that all have told their load, several times
		for _, s := range servers {
			if s.calls.Load() < 20 {
				return false
			}
		}
		return true
	}
	for begin := time.Now(); !heard() && time.Since(begin) < 3*time.Second; time.Sleep(5 * time.Millisecond) {
		call()
	}
	time.Sleep(500 * time.Millisecond)
	servers[0].calls.Store(0)
	for range calls {
		call()
	}
	got := float64(servers[0].calls.Load()) / calls
	fmt.Printf("at %g beside two at 0.9: %.1f of the calls\n", first, math.Round(got*10)/10)
}

func main() {
	share(0)
	share(0.001)
	share(0.1)
}
GO
seen=$(./main.bin)
printf '%s\n' "$seen"
want='at 0 beside two at 0.9: 0.3 of the calls
at 0.001 beside two at 0.9: 1.0 of the calls
at 0.1 beside two at 0.9: 0.8 of the calls'
[ "$seen" = "$want" ] || { printf 'CHANGED, it was:\n%s\n' "$want"; exit 1; }
