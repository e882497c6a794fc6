// Package rpc is what the gRPC shells of all systems share: one way to serve
// ([Serve]), one way to connect ([Dial]), one closed set of errors ([Error],
// [Kind]) with one mapping to the wire, and one way for a client to classify
// a finished call ([Outcome]).
//
// It knows no system. Package rpctest beside it runs a service over memory,
// also in virtual time.
package rpc
