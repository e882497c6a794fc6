// Package link puts bad networks between roles, in user space and without
// root: each pair of roles that talk gets a TCP proxy of its own, which delays,
// limits, cuts, resets and refuses, on command or by a schedule of faults
// (package fault).
//
// A [Link] leads from the role that dials to the role that listens. Whatever
// dials its address reaches its target. Its [Rules] say what happens on the
// way, separately for the bytes that flow forward and back. A [Network] holds
// the links of one trial, draws all their chances from one seed, and carries
// out the steps of a schedule such as
//
//	delay *->lb=5ms±1ms@0s; cut a->b@2s..3s; reset a-b@4s
//
// # What is modelled
//
//   - Delay: a byte leaves the link delay + jitter after it arrived, and never
//     before a byte that arrived earlier. Bytes are stamped on arrival and wait
//     in a line, so a delay costs no throughput as long as the bytes under way
//     fit into [Options].Buffer.
//   - Rate: what is due leaves at the given rate, shared by the link's
//     connections. What does not fit into the buffer waits at the sender.
//   - Cut: a pulled cable. Nothing is delivered and nobody is told; connections
//     stay, and when it is over the held bytes flow on, in order, none twice. What
//     ends a connection (FIN, RST) waits in the same line as its bytes, so that
//     a cut or slow link also hides the death of a process.
//   - Reset: connections end at once with RST on both sides; bytes under way
//     are lost. The opposite of a cut: both sides know immediately.
//   - Refuse: connecting fails with ECONNREFUSED. The address stays reserved.
//     Elsewhere than on Linux, and for a connection that was being established
//     when the rule came, it succeeds and is reset (so quickly at times that
//     connect itself fails with ECONNRESET; the same goes for Drop).
//
// # What is not
//
// The kernel completes a TCP handshake with the link, not with the target. So
// connecting takes no delay; while either way is cut it succeeds, and the
// target is dialled after the link is whole again; when the target does not
// answer, the new connection is reset. Bytes that the link holds are
// acknowledged to their sender: TCP's own time-outs (retransmission,
// TCP_USER_TIMEOUT) do not see a cut, those of the application do. Loss,
// duplication and reordering of packets are TCP's affair and invisible above
// it, except as delay; package sim has them.
//
// # Accuracy
//
// Timers of package time are rounded up to the next millisecond in an idle
// process. A link waits on a timer of the kernel instead (timerfd): on an idle
// machine of two cores it is some 50 µs late. The link itself costs a hop, which
// the package's benchmarks measure.
package link
