// Package coordinator is the gateway's half of two-phase commit, and its memory
// of which payments were made: a [node.Core].
//
// # A payment
//
// [Pay] claims a key of a user. The first claim begins an attempt: it asks all
// banks that take part to prepare. When all have voted yes in time, one record is
// forced: the commit record, which is also the stored receipt of the key, so
// there is nothing between "committed" and "remembered". Then the user is
// answered and the banks are told, again and again until all have acknowledged.
// A bank's no for a reason of its business is forced too and final. Everything
// else, a timeout above all, aborts the attempt and nothing is written: who has
// no commit record was aborted (presumed abort). Then the key is free for
// another attempt, which gets another [tx.ID].
//
// A later claim of the same key for the same payment waits for the attempt
// under way, or gets the stored receipt. For another payment it is refused.
// Receipts are kept for [Config].KeyTTL, counted in time that the gateway runs,
// so that a clock that jumps, or a long outage, never makes it forget early.
//
// # Why a key is paid at most once
//
// One attempt at a time has a key. It is over before the next begins: aborted by
// this coordinator, which then never commits it, or by the death of an earlier
// one without a commit record, whose banks learn "aborted" for ever since no
// later epoch uses its ID. A committed one has its receipt from then on, in the
// same record.
//
// # Records
//
// Numbers are varints, texts have their length before them. The first byte is
// the kind:
//
//	1 epoch      epoch, age            forced at each start
//	2 name       text                  of a user or bank; names are numbered in this order from 0
//	3 paid       epoch, number, age, name of the user, key, from, to, amount
//	4 declined   the same with the reason behind the number
//	5 cancelled  the same as 4, or no payment: cancelled before it was heard of
//	6 ends       first epoch, number of each: all banks have acknowledged
//
// An account is the name of its bank and a text, an amount its minor units and
// the three letters of its currency. The age is the time in seconds that all
// lives have run. Ends are lazy: they go with the next forced record, and one
// that is lost has banks acknowledge once more.
//
// Snapshots hold the same records behind a header.
package coordinator
