// Package rival is Redis 7 and PostgreSQL 15 beside branchbank: two copies of the
// accounts, deposits at the one, balances asked at the other, as customers do who
// go from branch to branch.
//
// What each promises of a read at the replica:
//   - Redis with an asynchronous replica: nothing; it is a little behind;
//   - PostgreSQL with a hot standby and synchronous_commit = on: a deposit that was
//     acknowledged is on both disks, and need not be visible at the standby yet;
//   - with remote_apply it is visible there: a session reads its own writes.
//
// All apply writes in the order of one primary, so at one replica each gives
// monotonic reads and writes, and writes that follow reads.
//
// The session checker (bench/history) counts what was broken: a figure where
// nothing is promised, a fault where it is. In the end both copies hold exactly the
// deposits that were acknowledged.
package rival
