package byzantine

import (
	"google.golang.org/protobuf/proto"

	byzantinev1 "dyno/proto/byzantine/v1"
)

// traffic is a number of batches and what they hold.
type traffic struct {
	Batches int64 `json:"batches"`
	Bytes   int64 `json:"bytes"`
	Values  int64 `json:"values"`
}

func (t *traffic) add(u traffic) {
	t.Batches += u.Batches
	t.Bytes += u.Bytes
	t.Values += u.Values
}

func fromTraffic(t *byzantinev1.Traffic) traffic {
	return traffic{Batches: t.GetBatches(), Bytes: t.GetBytes(), Values: t.GetValues()}
}

// countBatch adds a batch to what a general tells of its traffic.
func countBatch(t **byzantinev1.Traffic, req *byzantinev1.DeliverRequest) {
	if *t == nil {
		*t = &byzantinev1.Traffic{}
	}
	(*t).Batches++
	(*t).Bytes += int64(proto.Size(req))
	(*t).Values += int64(len(req.GetMessages()))
}
