// Package plan decides who does which task of a MapReduce job, and when a task
// has to be done again. It is the master's protocol core: a state machine that
// knows no clock, no network and no disk.
//
// Source: Dean and Ghemawat, "MapReduce: Simplified Data Processing on Large
// Clusters", OSDI 2004, sections 3.3 (fault tolerance), 3.6 (backup tasks) and
// 4.6 (skipping bad records).
//
// A [Planner] takes one [Input] at a time with the time at which it came, and
// returns the [Output] values that the shell around it is to carry out, in
// order. What it guarantees, whatever is lost, late, doubled or restarted:
//
//   - A reduce task is assigned only while the output of every map task is
//     there, and only with sources that were there at that moment.
//   - Of all attempts at a task exactly one counts: the first to finish.
//   - As long as one worker lives and answers, the job ends: it is finished, or
//     aborted with a reason, within a bounded number of attempts.
//   - A planner made of the records that another one wrote goes on where that
//     one was, or at a point before it: losing the latest records costs work,
//     never correctness.
package plan
