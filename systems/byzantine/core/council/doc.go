// Package council plays a whole run of generals in memory, round by round, and
// judges what came of it: IC1, all loyal generals decide the same; IC2, if the
// commander is loyal, they decide what he ordered.
//
// It drives the same cores as the processes do, message by message. A [Hunt]
// looks for traitors that break a run.
package council
