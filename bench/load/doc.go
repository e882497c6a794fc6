// Package load is the one load generator: every rate and every latency in the
// report comes from it.
//
// A closed loop ([Closed]) is a fixed number of clients, each with one
// operation in flight, the next one sent when the last is answered. That finds
// capacity; its latency is that of a caller who waits, and who calls less when
// the server is slow. An open loop ([Open]) offers operations at a rate,
// whether or not earlier ones were answered, and measures from the moment that
// each was to start: a server that stalls is charged for all who would have
// called meanwhile. Its pacer says how late it was itself.
//
// A search ([Search]) finds the knee, the highest rate whose 99th percentile
// keeps to a bound, by open loops one after the other; which rates, and when
// the answer is good enough, is decided by [Finder], which knows no clock. A
// system offers it so: its client role calls [BindGoal] and runs a Search
// instead of an Open (driver.Flags.Loop does); its trial adds
// SearchGoal(...).Args() to the role's flags, and calls
// [Summary.ObserveSearch] on what comes back; its metrics include
// [SearchMetrics].
//
// Every operation leaves a span. What a run reports is computed from the
// spans when it is over, so measuring costs a client two readings of the
// clock and one store per operation, shared with nobody. A run may last for any
// time: spans beyond [Closed].MaxSpans are folded into histograms and sums
// ([Folded]), from which the checks are as exact. Three checks guard the
// generator itself: [Result.CheckCounts], [Result.CheckLittle] and, of an open
// loop, [Result.CheckSchedule]; [Summary.Flags] says how good a measurement was.
//
// The pacer waits by an [Alarm], which serves others too who must be exact.
//
// The package knows internal/record only: what an operation is, the caller
// says.
package load
