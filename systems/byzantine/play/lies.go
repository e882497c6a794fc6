package play

import (
	"dyno/bench/lie"
	"dyno/systems"
)

// Lies of the generals' own, beside those of package lie: figures falsified on
// purpose, for experiment byzantine-controls to show that they are found.
const (
	LieAgreed   = "all-agreed"     // every run counts as one that ended in agreement
	LieUnframed = "unframed-bytes" // generals count messages without the batch that they come in
)

var lies = systems.Choice{lie.None, LieAgreed, lie.HalvedLatency, lie.HalvedCPU, LieUnframed}
