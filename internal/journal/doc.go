// Package journal is an append-only log on disk for everything in the house
// that must not be forgotten once it was acknowledged.
//
// A [Log] is for one caller at a time, who says when to write and when to sync;
// it has no goroutine and no clock, so a simulator can host it. A [Journal]
// shares one between goroutines. Both stand on an [FS], so tests and simulators
// bring their own disk.
//
// # Guarantees
//
// On a disk that keeps what it synced, and tears writes at most between sectors
// of 512 bytes:
//
//   - When [Journal.Append], [Journal.Sync] or [Log.Flush] return nil, the
//     records are on stable storage, and every later [Open] replays them, in
//     order, each once.
//   - Records of one Append are replayed together or not at all.
//   - A record that was never acknowledged may or may not be replayed after a
//     crash, but never half of it, and never after a later one that is missing.
//     Once it was replayed it is durable: opening makes sure of that.
//   - After a failed write or sync nothing is accepted any more, and no sync is
//     tried again: what the kernel still holds is not known then (the lesson of
//     PostgreSQL's fsync errors of 2018), and only opening again, which writes
//     the last batch once more, can tell. A full disk is such a failure, but
//     not for a snapshot that was not finished.
//   - [Journal.Snapshot] and [Journal.CutAfter] happen or do not; a crash
//     leaves no third thing. What it leaves of files is cleared at open.
//   - One opener at a time, also of a journal that is just being created.
//
// # Group commit
//
// All records that wait while one sync is under way are written as one batch,
// with one sync, by one of those who wait. So throughput grows with the number
// of writers while the disk does the same number of syncs, and a lone writer
// pays for no goroutine in between. Systems need no batching of their own.
//
// # Segments
//
// A journal is a folder of segments, each called after its first record, and at
// most one snapshot, called after its last. A segment is a file of a fixed
// size, written out with zeros before it is used and made ahead of its use, so
// that an append changes neither the file's length nor where it lies, and
// fdatasync has nothing to write but the records. A file gets its name once it
// is whole and synced.
//
// A segment's header names the journal (its identity), holds a random salt that
// goes into every checksum, the link of the batch before, and a generation. A
// cut, also that of a torn tail, overwrites nothing: it begins a segment of a
// higher generation, which ends the one before it at its own first record, and
// makes those of a lower generation behind it void.
//
// Batches follow, each a header of 32 bytes and a body padded to a multiple of
// 32, so that no header spans two sectors. The header has a checksum of its own,
// which covers the length, the sequence number of the first record, the place
// in the file, the checksum of the body and the link, which is the checksum of
// the header before: a chain. Checksums are CRC-32C.
//
// # The end of the log
//
// A batch is written only after the one before it was synced. So only the last
// batch can be torn, and its acknowledgement cannot have been given. It is cut
// off and reported in [Recovery]. Everything else that does not read back as it
// was written is damage, and opening refuses with the file and offset in a
// [DamageError], since going on would silently forget acknowledged records.
//
// A batch is taken for torn, or never written, only if whole sectors of it read
// as zeros that are not zeros by nature (its header says how many are), and
// nothing was written behind it. So a length that is zero, a flipped bit in a
// length, or a zeroed header in a sector that holds anything else are damage.
// Beyond that, the end is known from other places: two alternating notes at the
// begin of each segment say through which record it was durable, every 64
// batches and when the journal is closed, and whether another segment follows;
// the header of the next segment says where the one before it ends; a snapshot
// needs the log to reach it.
//
// What is detected, in records that were acknowledged: any flipped bit; any
// change that leaves a sector neither as it was nor all zero; lost or zeroed
// sectors before the last batch; a shortened file; a file that is missing,
// swapped or from another journal; after an orderly close, any lost tail.
//
// What cannot be: without an orderly close, the loss of whole sectors of the
// last batch, and of all of the last batches up to the newest note (64 at
// most) together; a newest segment that was removed within moments of its
// making, before the note of it reached the disk; the loss of all files; and
// whoever computes checksums.
package journal
