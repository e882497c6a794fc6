// Package echo is the yardstick, and the smallest example of a system: copy it
// to begin a new one.
//
// A server answers every request with what it was sent and with the number of
// requests it has answered so far. A client process drives it in a closed
// loop. What the pair costs is the least that any gRPC call costs on this
// machine, so other systems can be read as ratios to it.
//
// It is also what the bench tests itself with. The server can stop for a while
// and then go on, or be busy for a drawn time with each request; the client
// can send in an open loop; and ghz, another load generator, can take its
// place. What theory says of such a server is known (theory.go), so that one
// sees what each generator makes of it: experiment load-honesty.
//
// What it promises, and what each trial checks:
//   - an answer carries the payload of its request, unchanged;
//   - the running numbers of N answers are 1 to N, each exactly once;
//   - no request is answered that its client did not count as answered.
//
// ghz looks at no answer: of its trials the last one is checked, and that it
// made all of its calls and met no error.
//
// And it can be wrong on purpose (mutant.go), so that the checks are seen to
// find it: experiment negative-control.
//
// There is no protocol and so no pure core: server.go and client.go are the
// roles, check.go the checks, mutant.go what they find, theory.go what theory
// says, trial.go a trial, and system.go is what the engine knows of all that.
package echo
