// Package yardstick measures what the least exchanges between two processes
// cost on this machine: a raw TCP ping-pong and a bare gRPC echo.
//
// A system's cost in microseconds belongs to one machine in one hour; as a
// ratio to a yardstick of the same block it travels. [Measure] is called by
// the runner right before each block. It starts a server and a client as
// processes of their own, as those of a trial are: what the yardsticks
// calibrate above all is how long a halted CPU takes to wake up, and nobody is
// woken inside one process.
//
// Every answer is compared with its request, and at the end the server's
// account of what it answered with what the client received. A yardstick that
// is wrong is an error, never a figure.
package yardstick
