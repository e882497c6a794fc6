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
// A command may stand in for a role ([systems.Setting].Impl). It is told where to
// listen, found ready by the health service or by an answer to a call of the
// role's contract, and believed in nothing else. Its memory, its files and the
// number of its processes are bounded; all that it starts bears a mark, by which
// it is found and ended, also by a small shell that outlives dyno.
//
// The package needs process groups and job-control signals: it builds on Unix
// only.
package process
