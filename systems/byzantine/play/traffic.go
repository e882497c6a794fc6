package play

import (
	byzantinev1 "dyno/proto/byzantine/v1"
)

// Traffic is a number of batches and what they hold.
type Traffic struct {
	Batches int64 `json:"batches"`
	Bytes   int64 `json:"bytes"`
	Values  int64 `json:"values"`
}

// Add adds up.
func (t *Traffic) Add(u Traffic) {
	t.Batches += u.Batches
	t.Bytes += u.Bytes
	t.Values += u.Values
}

// FromTraffic reads what a general says of its traffic.
func FromTraffic(t *byzantinev1.Traffic) Traffic {
	return Traffic{Batches: t.GetBatches(), Bytes: t.GetBytes(), Values: t.GetValues()}
}
