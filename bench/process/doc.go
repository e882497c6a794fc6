// Package process runs the roles of a system as real processes.
//
// A [Group] is the [systems.Bench] of one trial: it re-executes dyno's own
// binary as "dyno SYSTEM ROLE …", considers a role ready once it has answered
// a real health RPC, and ends everything it started. It knows the contract of
// a system and no system by name.
//
// A started process finds in its environment where its three pipes are, and
// main hands it over with [Adopt]:
//
//   - the lifeline, its standard input, on which nothing is ever written. When
//     it closes, dyno is gone and the process exits;
//   - the announcement, to which [Announce] writes the address it listens on;
//   - the testimony, to which [Testify] writes at its end what it counted.
//
// The group is also a witness: it reads the CPU clock of each of its processes
// all the time, and what the kernel charged each for at its end. [Group.Witness]
// hands that on as evidence, on another road than a system's own samples.
//
// Nothing outlives dyno. Close asks every process to finish and kills those
// that do not. If dyno itself is killed, three things end its processes: on
// Linux the kernel kills them (PR_SET_PDEATHSIG), whatever they are doing;
// everywhere the lifeline does; and a process that is stopped, and cannot read,
// is hung up and continued because its process group has become an orphan.
//
// The package needs process groups and job-control signals: it builds on Unix
// only.
package process
