package core

import "time"

// Config says what a server is. Fields without a default are required.
type Config struct {
	Name     string
	Accounts []Account // before the first action, if there is no journal yet
	Async    bool
	Lease    time.Duration // the longest time without a primary
	Witness  bool          // there is one
	Alone    bool          // without a witness: may act without a standby
	First    bool          // of two that start together
	Resync   bool          // take the primary's accounts if they differ

	Window  int // actions kept in memory; 0: 16,384
	Replies int // clients whose last answer is remembered; 0: 65,536
	Chunk   int // bytes of a snapshot in one message; 0: 64 KiB
	Pending int // requests that wait; 0: 8,192

	Mutant Mutant

	// Acted is told of every action that this server does as primary; nil: nobody.
	Acted func(Entry)
}

// Mutant is a flaw put in, for tests of tests.
type Mutant struct {
	NoFencing   bool // lower epochs are not refused
	Eager       bool // clients are told before the standby has it
	Amnesiac    bool // a standby remembers no replies
	Forgetful   bool // epochs are not written down
	Uncut       bool // a cut is not written down
	Hopeful     bool // the lease has no margin, and counts from when it is granted
	Undisclosed bool // the witness is not asked before acting alone

	// Wall is what the lease goes by in place of the monotonic clock.
	Wall func(now time.Duration) time.Duration
}
