// Package echo is the yardstick, and the smallest example of a system: copy it
// to begin a new one.
//
// A server answers every request with what it was sent and with the number of
// requests it has answered so far. A client process drives it in a closed
// loop. What the pair costs is the least that any gRPC call costs on this
// machine, so other systems can be read as ratios to it.
//
// What it promises, and what each trial checks:
//   - an answer carries the payload of its request, unchanged;
//   - the running numbers of N answers are 1 to N, each exactly once;
//   - no request is answered that its client did not count as answered.
//
// There is no protocol and so no pure core; the shell is server.go and
// client.go, the checks are check.go, the adaptor is system.go and trial.go.
package echo
