// Package balancer is the core of the look-aside load balancer: the table of
// servers, what they reported, and who is picked next.
//
// It is a state machine without a clock, network or disk. The shell around it
// (package lookaside) turns etcd events, registrations, load reports and
// questions into calls, passes the time in as now, and serialises them: the
// type is not safe for concurrent use. Times are durations since any fixed
// moment of the shell's choice and must not run backwards; one that does is
// taken as the latest time seen.
//
// What the core promises for every policy:
//
//   - no server that may be picked: an immediate [NoServerError], never a wait;
//   - a draining server gets nothing new;
//   - a server registered twice is one row, the newer registration counts, and
//     the end of the older one does not remove it;
//   - reports out of order are ignored, impossible ones refused, and those of a
//     server that is not in the table answered with [ErrUnknownServer], so that
//     it registers again;
//   - an empty core that is told the members by [Balancer.Join], as after a
//     restart, spreads by its own picks alone until reports arrive.
package balancer
