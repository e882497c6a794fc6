// Package participant is a bank's half of two-phase commit, and its accounts: a
// [node.Core].
//
// # A transaction
//
// A [tx.Prepare] asks for promises. The bank checks that every leg can be carried
// out, whatever comes: the sender's account has the money free, the receiver's has
// room for it. Then it holds the money, forces that to its journal, and votes yes.
// From then on it is in doubt: it may neither commit nor abort alone, however long
// it takes. It asks the gateway again and again, and after a first question in
// vain the other banks of the transaction. Holds are no locks: other payments of
// the same account go on as long as there is enough.
//
// A bank that is asked by another and has not voted yes refuses the transaction
// for good, durably, before it says so: so the other may abort, and no prepare
// that was late can bring a yes any more.
//
// What a commit does is durable before it is acknowledged. Prepares of what is
// over, and decisions that come twice, change nothing: the state of each
// transaction that is over is kept, two bits of it, until the gateway says that
// everything below a mark is over everywhere ([tx.Prepare].Low). Below it prepares
// are refused.
//
// # Records
//
// Numbers are varints, texts have their length before them. The first byte is
// the kind:
//
//	1 opened     name, owner, 3 letters, opening balance, limit; accounts are numbered from 0
//	3 prepared   ID, low mark (epoch, number), number of legs, each: account, delta,
//	             other side; then the names of the peers
//	4 committed  ID
//	5 aborted    ID                  lazy
//	6 refused    ID                  forced before a peer is told
//	7 resolved   ID, 1 or 0, who, why
//
// Lazy records go with the next forced one. Commits wait up to [Config].Delay for
// company. If an abort's record is lost, the transaction is in doubt again, and
// the answer is the same.
package participant
