// Package config reads and writes the two files that a person keeps for the
// standby system: who the servers are, and what is on the accounts.
//
// Mistakes in them are errors that begin with FILE:LINE and say what is allowed
// there; the command line answers them with exit code 2.
package config
