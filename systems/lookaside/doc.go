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
// policy chooses; balancer is the core, a state machine without clock or
// network; service is a server's work. Around them lies the gRPC shell.
// [Simulation] runs the same cores in bench/sim, for theory and for thousands
// of servers; the tests hunt there for schedules of faults that break them. check.go says what a correct history is, and every trial is held
// against it: a figure of a trial that fails is never drawn.
package lookaside
