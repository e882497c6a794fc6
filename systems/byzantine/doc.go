// Package byzantine is the problem of the Byzantine generals on the bench: n
// generals must all do the same, attack or retreat, though up to t of them are
// traitors who say whatever they like (seed 004, part 4; Lamport, Shostak,
// Pease 1982).
//
// Three algorithms, all with a commander whose order the others (lieutenants)
// are to agree on:
//   - om: oral messages, OM(t), t + 1 rounds, holds for n > 3t;
//   - sm: signed messages, SM(t), chains of ed25519 signatures, holds for t ≤ n−2;
//   - phase-king: polynomially many messages, holds for n > 4t.
//
// What each run is held against: IC1, all loyal generals decide the same; IC2,
// if the commander is loyal they decide what he ordered. Where an algorithm does
// not guarantee them, the share of runs in which they hold is a figure; where
// it does, a run in which they do not hold is a fault.
//
// The cores are in general (one general, and how he betrays), adversary (the
// ways to lie), council (a run in memory, the check, the hunt for traitors that
// break it) and eig (all of OM(t) at once, a bit per receiver). Package play is
// one run with all that is said about it; package cluster the generals as
// processes, each a gRPC server, and their runner; package trial measures. Rounds
// are synchronous with a deadline that counts from the common start, so that a
// silent general costs the others that long and no more.
//
// Who is at the other end is proved, not claimed. Each pair of
// generals shares a key for the life of the processes; the runner draws the keys
// and hands each general its own in a file that only the user can read and that
// is gone once the general has read it. A key shared by two proves the sender to
// the receiver and to nobody else, which is just what an oral message is: the
// receiver knows who speaks, and cannot show it to a third. Signatures can be
// shown around; only sm uses them.
//
// Figures are computed from what receivers and generals tell, and held against
// what senders tell, against every run's decisions taken down one by one, and
// against clocks outside.
package byzantine
