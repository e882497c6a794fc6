// Package journal is an append-only log on disk for everything in the house
// that must not be forgotten once it was acknowledged.
//
// Guarantees, on a file system and a disk that keep what they synced:
//
//   - When [Journal.Append] returns nil, its records are on stable storage, and
//     every later [Open] replays them, in order, each once.
//   - Records of one Append are replayed together or not at all.
//   - A record that was never acknowledged may or may not be replayed after a
//     crash, but never half of it, and never after a later one that is missing.
//   - After a failed write or sync nothing is accepted any more: what the
//     kernel still holds is not known then (the lesson of PostgreSQL's fsync
//     errors of 2018), and only opening the file again can tell.
//
// # Group commit
//
// All records that wait while one sync is under way are written as one batch,
// with one sync. So throughput grows with the number of writers while the disk
// does the same number of syncs.
//
// # The tail rule
//
// A batch is written only after the one before it was synced. So only the last
// batch in the file can be torn, and its acknowledgement cannot have been given.
// Open cuts it off and says so in [Recovery]. Everything else that does not
// read back as it was written is damage, and Open refuses with the offset in a
// [DamageError], since going on would silently forget acknowledged records.
//
// What tells the two apart: a torn batch ends at the end of the file before its
// declared length, or has sectors of 512 bytes that were never written and
// read as zeros (the batch's header says how many of its own are zeros by
// nature). A flipped bit does neither. A cut that removes whole batches from
// the end cannot be told from their never having been written.
//
// # Layout
//
// The file begins with a header that names what it belongs to (its identity)
// and holds a random salt that goes into every checksum, so that stale bytes
// of another journal are not mistaken for ours. Batches follow, each a header
// of 32 bytes and a body padded to a multiple of 32, so that no header ever
// spans two sectors. Checksums are CRC-32C.
package journal
