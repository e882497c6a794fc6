// Package fleet makes one bench of several machines.
//
// A [Fleet] is the machines of a run. [Fleet.Open] opens a trial on all of them, and
// what it returns is a [systems.Bench]: each role is started on the machine that the
// experiment's placement gives it, by its role and the number in its name, never by
// the order of starts. The trial's folders lie with the runner; agents have copies of
// those that their roles name (package agent).
package fleet
