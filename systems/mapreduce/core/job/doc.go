// Package job holds the MapReduce jobs: what is mapped, combined and reduced,
// and nothing of how. A job is one file and one line in [All].
//
// It is a core of system mapreduce (Dean and Ghemawat, OSDI 2004): it knows no
// disk, network or clock. Package task runs a job's functions.
package job
