// Package branchbank is one account with many branches, each of which holds a
// replica of the balance, takes deposits and withdrawals, and propagates them to
// all others: the course project of a replicated bank, made rigorous.
//
// Package core/branch is the protocol, server the branch behind gRPC, group
// starts branches that know each other, check judges what they did, and trial
// measures it.
package branchbank
