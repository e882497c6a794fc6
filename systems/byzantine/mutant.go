package byzantine

import (
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
)

// The mutants: ways to be wrong on purpose, so that the checks of the figures
// are seen to find it: experiment byzantine-controls.
const (
	mutantNone     = "none"
	mutantAgreed   = "agreed"   // every run counts as one that ended in agreement
	mutantHalved   = "halved"   // a run is said to have taken half as long as it did
	mutantIdle     = "idle"     // half of the processor time is not counted
	mutantUnframed = "unframed" // generals count the messages' bytes without the batch that they come in
)

var mutants = systems.Choice{mutantNone, mutantAgreed, mutantHalved, mutantIdle, mutantUnframed}

// errUnframed refuses a mutant that would be as right as none.
var errUnframed = errors.New("mutant unframed counts bytes, which there are with transport process only")

// sizeOf is what a general takes a batch's size for.
func (c *campaign) sizeOf(req *byzantinev1.DeliverRequest) (bytes int64) {
	if c.mutant != mutantUnframed {
		return int64(proto.Size(req))
	}
	for _, m := range req.GetMessages() {
		bytes += int64(proto.Size(m))
	}
	return bytes
}

// counted is how much of a run's processor time the account has.
func (c *cell) counted(used time.Duration) time.Duration {
	if c.mutant == mutantIdle {
		return used / 2
	}
	return used
}
