// Package kit writes starters: folders with a server that compiles, answers
// health checks, and says of every call that it is left to do. All of it comes
// from the role's own contract, flags and .proto files, so that a kit cannot
// promise what the bench does not ask for.
package kit
