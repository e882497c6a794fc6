// Package adversary holds the ways in which traitors lie, a file each, behind
// the one-method interface [general.Traitor]. To add one, write its file and a
// line in [All].
package adversary
