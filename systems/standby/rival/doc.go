// Package rival is Redis 7, etcd with three members and PostgreSQL with a
// synchronous standby beside standby. etcd is the answer by consensus. PostgreSQL
// comes with nobody who promotes its standby: the trial does, when the primary
// has been silent for as long as the others wait. Of Redis there is a primary with one replica, in memory
// or with an append-only file that is synced before every answer, and Sentinel
// over both when something is to go wrong.
//
// A client writes and asks in the same breath for the replica's receipt (WAIT 1):
// the write is acknowledged when both have it. What that promises is less than
// standby does, and the checks ask for no more than it promises:
//   - a write is applied once for each time it was sent; a client that tries again
//     after a lost answer applies it twice, and nobody can tell;
//   - WAIT says that the replica has received the write, not that it is on its
//     disk (WAITAOF, which would, is of Redis 7.2);
//   - Sentinel promotes a replica that need not be the one that has it.
//
// Without faults every acknowledged deposit must be in the balances of both
// servers. Under faults what was acknowledged and is gone is counted: it breaks no
// promise of Redis's.
package rival
