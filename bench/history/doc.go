// Package history keeps what the clients of a trial asked, when, and what they
// were told, and holds it against what the system promises. It is where a
// figure gets its proof; it knows no system.
//
// # The record
//
// A [Recorder] gives each client a [Log]; a [Call] begins before the request is
// sent and ends after the answer. [Recorder.Ops] merges all into one slice of
// [Op]. The outcome of an operation is a record.Outcome. One of unknown outcome
// (no answer within the deadline, a connection lost) may take effect at any time
// after it began, or never: no checker here assumes either.
//
// # The checkers
//
// n is the number of operations. Each returns a [Finding], with counts, and
// [Finding.Check] makes a record.Check of it. What reached a limit is unknown,
// and so is what examined nothing; neither is ever a pass.
//
//	Bank.Linearizable       one copy, one operation at a time      a search by porcupine, NP-hard, limited
//	Bank.InOrder            as above, in the order that the        O(n log n)
//	                        server reports (action ids)
//	Bank.Regular            a query sees all acknowledged before   O(n log n + queries × amounts under
//	                        it, none after, of the others any      way × their possible totals / 64), limited
//	Bank.Conserved          no money came or went                  O(n × replicas)
//	Once, Durable, Agree    applied at most once; acknowledged     O(n × replicas), Agree with a sort
//	                        is applied; all replicas the same
//	Solvent                 no balance was negative                O(n)
//	CheckSessions           the four session guarantees            linear in answers and logs
//
// Linearizable is also there for any [Model] of one's own. Of a bank it first looks
// for answers that are not even regular, which is cheap and finds most faults. The
// search after it doubles with every operation that stays open: what
// blows it up is many clients on one key, and even more operations of unknown
// outcome, which stay open to the end. So a hot account is checked InOrder: the
// order comes from the server, real time and every answer are held against it,
// and any number of clients costs the same.
//
// A request may be tried again under its id: the bank's checkers take all
// attempts as one operation, from the first send to the first answer, and two
// different answers as a fault. Amounts are int64; totals are kept in 128 bits,
// so a right balance beyond int64 is reported and never wraps.
//
// # Mutants
//
// A checker counts as one once it was seen to fail. A [Suite] generates
// histories of a simulated, correct system from seeds, all of which must be judged
// valid, and plants a [Mutant] in each, all of which must be judged invalid. A
// mutant is planted only where it is a fault for certain, by an argument that
// does not use the checker: a get shows a value that was written once, and
// overwritten before the get began. The tests of this package hold suites for
// every checker; a system that adds a check of its own adds a suite beside it:
//
//	report := history.Suite[History]{Generate: simulate, Check: check, Mutants: mutants}.Run(seed, 1000)
//	if err := report.Err(); err != nil { … }
package history
