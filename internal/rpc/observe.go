package rpc

import (
	"context"

	"google.golang.org/grpc"
)

// observers are set once, before anything is served or dialled.
var observers struct {
	server []grpc.ServerOption
	dial   []grpc.DialOption
}

// Observe adds options to every server and client that is made from now on: for
// a program that shows others what happens in it. What is measured has none.
func Observe(server []grpc.ServerOption, dial []grpc.DialOption) {
	observers.server, observers.dial = server, dial
}

// Shown says what a process shows of itself. The zero value shows nothing.
type Shown struct {
	Service string // what the process is called in spans, such as "strife gateway"
	Metrics string // HOST:PORT to serve /metrics on; port 0 takes a free one
	Traces  string // HOST:PORT of a collector that takes OTLP over gRPC, in plain text
}

// Telemetry lets servers and clients that are made from now on show what they do. It
// calls ready with the address of /metrics, and returns what ends it all. The program
// dyno-whole links it; nil: this one does not.
var Telemetry func(ctx context.Context, o Shown, ready func(addr string)) (stop func() error, err error)
