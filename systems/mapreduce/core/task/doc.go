// Package task is what a worker does with one task: [Map] reads a split, calls
// the job's functions and leaves one sorted run per reduce task; [Reduce]
// merges its runs as a stream and writes mr-out-X.
//
// It is a core of system mapreduce: files and streams are passed in ([Disk],
// [Input]), and it knows no network, clock or process. Both kinds of tasks keep to a
// memory budget, whatever the size of their input.
package task
