// Package branch is the protocol of one branch: a replica of one account's
// balance, which takes deposits and withdrawals of customers and propagates each
// to all other branches. It is a node.Core over internal/replica.
//
// # When a customer is answered
//
// Under Sync when every branch has applied the operation, durably. Under Async and
// Stream as soon as it is durable here; the two differ in how many writes travel
// in one message.
//
// A deposit or withdrawal that carries a request id is applied once, however
// often it is asked for at this branch.
//
// # Who may spend
//
// Optimistic: a withdrawal is refused if this replica's balance does not cover it.
// Two branches can spend the same money.
//
// Escrow (a bounded counter): every branch owns rights to a part of the balance.
// A deposit adds to the rights of its branch, a withdrawal uses them, and a branch
// that is short asks others for some of theirs. All three are writes of the
// branch that does them, so the rights of all branches sum up to the balance at
// every replica. A branch's first write after it was given rights depends on the
// giving write: so no replica sees money spent before it sees where it came from,
// and none ever shows a negative balance.
//
// # Terms from outside
//
// A client of the course's protocol propagates amounts without saying whose
// write it is. Such a term is applied once per call at this branch alone, and
// counted apart from the replicated balance. It gives no rights.
package branch
