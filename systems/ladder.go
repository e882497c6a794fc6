package systems

import "time"

// Rung is one step of a system's ladder (dyno check SYSTEM): a short trial whose
// proof says whether an implementation keeps one promise more than on the rung
// below. All of it is data; one runner climbs the ladders of all systems.
type Rung struct {
	Name    string            // lower-case words joined by hyphens, the last one no number
	Promise string            // what must hold, one sentence
	Knobs   map[string]string // those that differ from the system's defaults; faults among them
	Loop    string            // load model; empty: closed
	Warmup  time.Duration
	Length  time.Duration

	// MaxFailures is the share of operations that may fail, as experiment files
	// write it ("5%"); empty: their default. A rung with faults needs room.
	MaxFailures string

	// Costs names metrics that are measured in turns with those of dyno's own
	// roles, block by block, and told beside them; such a rung holds when all its
	// trials are valid. Empty: the rung is about promises.
	Costs []string
}
