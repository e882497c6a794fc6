// Package agent runs the roles of trials on other machines.
//
// An agent is one gRPC service on a machine ([Serve], the command dyno agent): it
// starts, signals, restarts and watches roles as child processes, by the very
// [process.Group] that runs them where there is one machine, gives them their
// folder, samples them, and says at the end what it saw from outside. A [Machine]
// is the runner's end of it: what it opens for a trial is what a group is.
//
// The runner sends a heartbeat every second. When none has been answered for
// [LostAfter], the machine is lost, whatever TCP still believes: the trial ends with
// a [LostError]. An agent without a heartbeat for [Idle], or whose connection through
// standard input has ended, ends its roles and itself.
//
// A trial's folders are copied: to the machine before a role starts that names them
// on its command line, and back when it has ended. Whatever was written meanwhile is
// not seen elsewhere, but through [systems.Publish].
//
// The heartbeats also compare the clocks. What an agent samples and witnesses is told
// in the runner's time, and how far that may be wrong.
package agent
