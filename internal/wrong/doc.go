// Package wrong holds no code: its tests climb the ladders with implementations
// that are wrong on purpose. Each falls at the rung that is about what it does
// wrong, and what is right beside them does not.
package wrong
