// Package mapreduce is MapReduce on the bench: a master that hands out tasks,
// worker processes that do them, all talking by gRPC only.
//
// Source: seed 004, part 2; Dean and Ghemawat, "MapReduce: Simplified Data
// Processing on Large Clusters", OSDI 2004.
//
// # Roles
//
//   - master (package master): cuts the input into map tasks, plans (package plan), keeps the
//     journal, and publishes the output when all of it is there.
//   - worker (package worker): runs one task at a time (package task) of the job's functions
//     (package job); with the stream shuffle it also serves its runs to others.
//
// # Guarantees
//
//   - The output is that of a sequential run over the same input, byte for
//     byte, whatever happens to workers and however often the master starts
//     anew. It appears at once, when all reduce tasks are done: until then the
//     output folder is what it was before.
//   - A worker that dies, stops or slows down costs time only. When none is
//     left, run gives up with the reason; the finished tasks stay, and the same
//     command with --resume goes on with them.
//   - A job ends: a function that crashes on a record twice has that record
//     skipped and counted; one that always crashes fails the job.
//
// # Figures
//
// What a trial (package trial) reports comes from the master. It is held against
// what the master had no hand in: the workers' ledgers (package ledger), the files,
// the clock of the process that waits.
//
// # On disk
//
// All that a job needs while it runs lies in a folder .dyno-mapreduce within
// the output folder: the master's journal, the runs that map tasks leave for
// reduce tasks (mr-JOB-MAP-REDUCE), and the finished outputs (mr-out-X) until
// they are published.
package mapreduce
