// Package load is the one load generator: every rate and every latency in the
// report comes from it.
//
// It holds the closed loop ([Closed]): a fixed number of clients, each with
// one operation in flight, the next one sent when the last is answered. That
// finds capacity; its latency is that of a caller who waits.
//
// Every operation leaves a span. What a run reports is computed from the
// spans when it is over, so measuring costs a client two readings of the
// clock and one store per operation, shared with nobody. Two checks guard the
// generator itself: [Result.CheckCounts] and [Result.CheckLittle].
//
// The package knows internal/record only: what an operation is, the caller
// says.
package load
