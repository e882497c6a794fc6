// Package driver is what the client roles of all systems have in common: the
// flags that a trial hands to the process of its generator, our loops by name,
// ghz as a witness from outside, the CPU time that generating took, and the
// report that comes back.
//
// bench/load and ghz do the work; what an operation is, the system says.
package driver
