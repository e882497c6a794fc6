// Package sessionbank is a bank whose customers move from branch to branch, and
// what it costs to guarantee to each of them that the branches seem to be one: the
// four session guarantees, each alone and together, by version vectors or by write
// sets.
//
// A branch (package branch around core/bank) answers from its own replica of the
// account and propagates writes afterwards. What a session has written and read
// travels with the customer as a token (core/token); a branch that has not applied
// enough for it waits.
package sessionbank
