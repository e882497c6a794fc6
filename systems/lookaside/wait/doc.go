// Package wait is how the parts of the look-aside system wait for each other:
// [Latest] is a value that may change, [Backoff] the time between attempts.
package wait
