// Package spacetime draws a short history as a space-time diagram (Lamport
// 1978): a line for each process, time to the right, an arrow for each message,
// and the answer that breaks a promise marked. It draws what fits on a page; to
// find the few operations that matter is for others.
package spacetime
