// Package ssh brings agents to other machines by the system's ssh.
//
// Each host has one connection: a single ssh process, without the user's multiplexing,
// runs a few lines of POSIX shell there that ask for dyno's programs if a folder named
// after their content is not there yet, and then become the agent. The agent serves on
// its standard input and output, so that the connection carries gRPC itself: there is
// no port to open, nor anything left behind, since the agent ends with its input,
// whatever becomes of ssh or of the runner.
package ssh
