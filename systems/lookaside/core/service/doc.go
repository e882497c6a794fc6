// Package service is what a server of the look-aside system does with a
// request, without clock or network: [Meter] counts what is in the system, and
// [Hash] is the computation whose answer every client verifies. When a request
// would be done, the service-time model in bench/queue says.
package service
