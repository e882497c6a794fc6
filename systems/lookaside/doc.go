// Package lookaside is a look-aside load balancer (seed 004, part 1): clients
// ask the balancer which server to use, then send their work straight to that
// server; no request passes through the balancer.
//
// # Roles
//
// Each runs in a process of its own and speaks gRPC (dyno.lookaside.v1):
//
//   - registry: an embedded etcd, for machines where none runs. It holds who
//     there is: servers and balancer under leases of their own.
//   - lb: the balancer. It learns the servers from etcd and from their
//     registrations, their load from their report streams, and answers Pick.
//   - server: does the work (a hash chain whose answer can be checked), for a
//     time drawn from the service-time model.
//   - client: asks the balancer for each request, sends the work to the server
//     that it names, and verifies the answer.
//
// # Guarantees
//
//   - With no server there is an immediate UNAVAILABLE that names the service.
//   - A draining server gets nothing new and finishes what it has.
//   - A server registered twice is one row, and the late end of its old lease
//     does not remove the new one.
//   - A dead server is gone within its lease's time to live + 1 s; clients that
//     meet it first report it and are given another one.
//   - pick_first, round_robin and least_load choose as package policy says, to
//     the request: round robin's counts never differ by more than 1.
//   - A balancer that restarts rebuilds its table from etcd; its clients and
//     servers find it there, on whatever port, and look for it until then.
//
// testdata/rules.txt lists the rules behind these one by one, each with the
// tests that hold it.
//
// # Rooms
//
// Each room may import those above it, never those below:
//
//   - core: policy chooses, balancer is a state machine without clock or
//     network, service is a server's work, theory what queues are known to do.
//   - wait, lookasidegrpc: waiting for others; the client library for grpc-go.
//   - directory: who there is, in etcd and in DNS.
//   - lb, server, client: the other roles, which know nothing of each other.
//   - check: what a correct history is. Every trial is held against it.
//   - simulator: the same cores in bench/sim, for theory and for thousands of
//     servers; its tests hunt for schedules of faults that break them.
//   - trial, demo: a run, to be measured or to be looked at.
//
// # Words
//
// A configuration is what the knobs make of a trial; a deployment is its
// processes. A server sends the balancer reports of its load. A client ends
// with a summary, and so does the demo; a history is all that was counted on
// every side, and a verdict is what the checks make of it.
package lookaside
