// Package confine keeps programs that nobody trusts to a room: their own network
// and processes, which all end with the first of them, their own user, and limits
// on memory, processes and files. It stands on what Linux offers without a daemon;
// elsewhere it refuses.
//
// [Command] prepares the first program, which is trusted, such as dyno check; in
// the room [Begin] sets it up and becomes that program. What the program starts
// and does not trust it starts through [Become].
package confine

// Limits bound what is not trusted.
type Limits struct {
	UID       int    // it runs as this user; 0: as whoever is root in the room
	Memory    int64  // bytes of data, each process
	Processes int    // processes and threads of the user
	File      int64  // bytes of the largest file it may write
	Room      string // the folder below which it may write what its arguments name
	Home      string // its own folder, in which it begins
}

// ExitUnsupported is the exit status of a program that could not [Begin].
const ExitUnsupported = 69

// ErrUnsupported says that there are no rooms here.
type ErrUnsupported struct{ Why string }

func (e *ErrUnsupported) Error() string {
	return "programs cannot be kept apart here: " + e.Why + "; run as root on Linux, or where users may have namespaces"
}
