// Package sim runs protocol cores in a simulated world: the same cores that
// run behind gRPC as real processes, here on one event heap with a clock, a
// network, disks and faults that are all made up, all drawn from one seed, and
// so repeat byte for byte. It hunts for the faults that break a protocol,
// checks queues against theory, and sweeps to sizes that no bench has.
//
// # A world
//
// A [World] is a heap of events, ordered by time and then by when they were
// scheduled, so the order is total. It handles millions a second, in one
// goroutine, and allocates nothing for them. Time is a time.Duration since the
// start and passes only between events.
//
// A [Node] is one process: the shell around a core. What its core wants it asks
// of its [Env]: send a message, set or cancel a timer, write and sync the disk,
// draw a random number, read its clock. A crash throws the Node away, and a
// restart makes a new one, so memory cannot survive by mistake; the [Disk] keeps
// what was synced.
//
// Messages are values of any type, and are not copied: a receiver gets what the
// sender sent, and with duplicates twice. They must not change once they are
// sent; [Config].Clone is there for cores that cannot promise that.
//
// # Repeatable
//
// Every node has generators of its own, derived from the seed, and every
// message takes exactly one draw. So the same seed gives the same run, and a
// fault more or less leaves alone whatever it does not touch. The rest is up to
// the nodes: no wall clock, no goroutines, no other chance, and no order of a
// map in anything they do. [Repeatable] tells whether they keep to that.
// Repeatable means: by the same binary; floating point may differ between
// architectures.
//
// # Faults
//
// A [Schedule] is a list of [Fault] values, or lines of text:
//
//	crash s1=0.5@120ms..170ms
//	cut s1,s2<->s3@200ms..1.2s
//	drop s1->*=0.1@250ms
//
// Package fault says what there is. A fault that lasts ends by itself, so each line
// can be left out without changing what the others mean. Two that overlap add
// up: a node is down until the last of its crashes is over. [Generate] draws a
// schedule within the bounds of a [Profile].
//
// What a disk loses in a crash is the worst case of a power cut in one respect
// and not in others: changes survive as a prefix, in order, also across files;
// there are no bit flips.
//
// # Hunting
//
// A [Scenario] adds nodes to a world, runs it, and says what is wrong. A [Hunt]
// tries it under one schedule per seed, takes the lowest seed that fails,
// shrinks its schedule until no fault can be left out, and returns a [Failure],
// which prints the seed, both schedules, the error, the end of the trace and the
// command that replays it. A protocol is hunted twice: as it is, where nothing
// may be found, and with a flaw put in, which must be found, since a hunt that
// cannot find anything proves nothing.
//
// Whatever could grow without end has a bound in [Limits], and going over it is
// an error that says so. Only a method of a Node that does not return is beyond
// it.
//
// The package imports the standard library only and knows no system.
package sim
