// Package service is what a server of the look-aside system does with a
// request, without clock or network: [Queue] says when a first-come,
// first-served server of a given speed would be done with it, [Meter] counts
// what is in the system, and [Hash] is the computation whose answer every
// client verifies.
//
// Twelve servers that burn CPU on two cores measure the cores, not the policy.
// In the service-time model a server is busy for a drawn time instead of
// burning it, so that twelve servers really are twelve times as fast as one.
package service
