// Package cli is dyno's command line: it reads words, calls the rooms that do
// the work, and turns what comes back into output and an exit code.
//
// Results go to standard output; progress, logs and errors to standard error.
// Exit codes are fixed: 0 done, 1 a check failed or the machine refused, 2 a
// mistake in what was typed or in a file (with the nearest valid word), 130
// interrupted.
package cli
