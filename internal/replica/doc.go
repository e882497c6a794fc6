// Package replica replicates writes from every replica to every other one: the
// part of a protocol core that a [dyno/internal/node.Core] embeds, pure as such a
// core is. It knows no clock, no disk, no network and no chance.
//
// Every replica numbers its own writes from 1 without gaps, and every other one
// applies exactly the next number of each origin. A write that is behind is
// dropped, one that is ahead waits in a bounded buffer; so duplicates, loss and
// reordering are harmless. A write may carry a dependency vector: it is applied
// only where everything below that vector was applied before, which gives causal
// order across origins.
//
// # Durability
//
// The core writes every write down that [Replica.Local] or [Replica.Receive]
// returns, in that order, and gives them back to [Replica.Recover] in a new
// life. It sends what [Replica.Outgoing] returns only after they are durable (the
// rule that package node keeps), so an acknowledgement means: applied, and
// durable. A replica's own writes are its outbox: it keeps them until every peer
// has acknowledged them, and [Replica.Settle] tells a new life of that. A core that
// makes snapshots keeps the vector and the [Replica.Outbox] in them, for
// [Replica.Restore].
//
// # Catching up
//
// A peer that does not answer in time, and every peer after a recovery, is asked
// for its vector, again and again with growing waits. Its answer says from
// which number on to send. Nothing else is kept about a peer.
//
// # Bounds
//
// At most [Config].Window writes are under way to a peer, as many wait at a
// receiver for each origin, and an outbox that holds [Config].Outbox writes takes
// no more.
package replica
