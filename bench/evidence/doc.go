// Package evidence holds the figures of a trial against facts that reached the
// engine on another road than the figures did: a second computation from the
// raw spans, the counts of the other side of a call, CPU clocks that the engine
// read itself.
//
// A system says of each [record.Metric] which law ties it to which evidence, by
// one of the constructors here; [Judge] applies them all. A law is an identity
// of whole numbers where there is one. Where there is none, because two clocks
// were read at two moments, it is a pair of bounds that hold whatever happened
// between the readings, so that a busy machine makes a law weaker and never
// false. What the evidence does not cover is unknown.
//
// What this proves is that the figure says what the parts say. It does not
// prove that the parts are honest: a system whose client and servers agree on a
// lie is caught only by what the engine saw from outside.
package evidence
