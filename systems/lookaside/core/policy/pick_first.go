package policy

import (
	"math/rand/v2"
	"time"
)

// PickFirst sends everything to the server that registered first. It is
// sticky: a server that registers again has a newer revision and goes last,
// so a crashed leader does not take the traffic back when it returns. One that
// was merely suspected never lost its registration and keeps its place.
var PickFirst = Maker{
	Name:    "pick_first",
	Summary: "the first live server in registration order; the others stand by",
	Shares:  First,
	New:     func() Policy { return pickFirst{} },
}

type pickFirst struct{}

func (pickFirst) Pick(time.Duration, []Server, *rand.Rand) int { return 0 }
