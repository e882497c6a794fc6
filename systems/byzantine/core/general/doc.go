// Package general is the pure core of the Byzantine generals: what one general
// does in each round, in three algorithms, and how a traitor departs from it.
//
// A general is a state machine ([Protocol]): Step takes the messages of a round
// and returns those of the next. There is no clock, no network and no chance in
// it; the caller decides when a round is over, says who really sent a message,
// and passes in keys. Messages carry the path along which they came. One that
// does not end in the sender that the caller vouches for, that repeats an id, or
// that is not as long as the round demands is dropped and counted.
//
// A traitor is a loyal general whose words are replaced on the way out
// ([Betray]). What he says is a [Word]: one bit per receiver, so that the fast
// resolver of package eig can ask the same traitor for whole rows at once.
//
// Source: Lamport, Shostak, Pease, "The Byzantine Generals Problem", TOPLAS 4(3),
// 1982 (OM and SM); Berman, Garay, "Cloture Votes: n/4-resilient Distributed
// Consensus in t+1 Rounds", 1993 (phase king).
package general
