package byzantine

import (
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"dyno/bench/lie"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
)

// Lies of the generals' own, beside those of package lie: figures falsified on
// purpose, for experiment byzantine-controls to show that they are found.
const (
	lieAgreed   = "all-agreed"     // every run counts as one that ended in agreement
	lieUnframed = "unframed-bytes" // generals count messages without the batch that they come in
)

var lies = systems.Choice{lie.None, lieAgreed, lie.HalvedLatency, lie.HalvedCPU, lieUnframed}

// errUnframed refuses a lie that would be the truth.
var errUnframed = errors.New("lie unframed-bytes is about bytes, which there are with transport process only")

// sizeOf is what a general takes a batch's size for.
func (c *campaign) sizeOf(req *byzantinev1.DeliverRequest) (bytes int64) {
	if c.lie != lieUnframed {
		return int64(proto.Size(req))
	}
	for _, m := range req.GetMessages() {
		bytes += int64(proto.Size(m))
	}
	return bytes
}

// counted is how much of a run's processor time the account has.
func (c *cell) counted(used time.Duration) float64 { return lie.CPU(c.lie, 0, used.Seconds()) }
