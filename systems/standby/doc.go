// Package standby is a primary server of bank accounts with a standby, and an
// interface that hides which is which: the assignment "reliable client/server
// system" of a course in distributed computing, done so that it keeps its
// promises.
//
// # What it promises
//
//   - sync: what was acknowledged is on the disks of both servers, or on the one
//     of which the witness knows that it is alone; a failover loses none of it.
//   - async: what a dead primary had not shipped is lost, named by action id, and
//     never passed over in silence.
//   - A request is done once, however often it is sent.
//   - One primary acknowledges at a time: who was paused past its lease
//     acknowledges nothing. Without a witness this rests on the standby's word.
//   - Answers are those of one copy that does one action after the other.
//
// # Who there is
//
// Two servers (role server), a witness (role witness) that grants epochs under a
// lease, and clients (package client: the interface; its menu is the command
// client). The protocol is package core, a pure state machine; package server is
// the shell around it.
package standby
