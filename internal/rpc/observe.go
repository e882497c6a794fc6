package rpc

import "google.golang.org/grpc"

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
