// Package policy holds the rules by which the look-aside balancer chooses a
// server: one file per policy, and the slice [All] that lists them.
//
// A policy is a pure choice. It sees the servers that may be picked, in
// registration order, with their load as the balancer knows it, and returns
// the index of one. It keeps at most a little state of its own (a cursor), has
// no clock, and draws randomness only from the generator it is given, so that
// a seed repeats every choice.
//
// To add a policy: write one file with its Maker, and add the Maker to All.
// The conformance suite (conformance_test.go), the command line and the checks
// of every trial then know it.
package policy
