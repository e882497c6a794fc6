// Package eig resolves OM(t) for all generals at once. What every general heard
// along a path is one word, a bit per receiver; votes are counted for all
// receivers together, bit by bit, in counters that are slices of words.
//
// [Full] looks at every path and counts the values carried. [Pruned] follows
// only the paths of traitors, which is exact for n > 3t. Both ask the traitors
// of package general, and agree with the generals themselves, message by
// message (package council): the tests hold them against each other.
package eig
