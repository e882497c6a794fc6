// Package peer counts words without system mapreduce: what it is measured
// against on the same input. [Limit] is a hand-written program for this one
// job, the most that could be had; [Sequential] is the algorithm of a course's
// sequential reference, the least that should be had.
//
// Nothing here is shared with the system: not its scanner, not its table, not
// its merge. So the peers are also witnesses of its answers.
package peer
