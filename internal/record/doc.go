// Package record holds the facts of a trial: what was observed, whether it
// was proved right, under which conditions, and how all of it is stored.
//
// It is the leaf of the house. Systems produce an [Observation], the
// experiment runner wraps it in a [Trial] and appends it to trials.jsonl, and
// the report draws from those lines alone. The package imports nothing of
// dyno's own, so every other room may import it.
package record
