// Package ladder climbs the ladder of a system: one rung after the other, each an
// experiment of one cell that the engine runs like any other, and keeps the score.
// Which rungs there are the system says, in its contract.yaml ([Book]).
package ladder
