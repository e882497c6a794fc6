package cluster

import (
	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/core/general"

	"google.golang.org/protobuf/proto"
)

func toOrder(v general.Value) byzantinev1.Order {
	return byzantinev1.Order_ORDER_RETREAT + byzantinev1.Order(v)
}

func toOrders(vs []general.Value) []byzantinev1.Order {
	out := make([]byzantinev1.Order, len(vs))
	for i, v := range vs {
		out[i] = toOrder(v)
	}
	return out
}

// fromOrder reads an order as a protocol would: what is none is a value that it
// drops.
func fromOrder(o byzantinev1.Order) general.Value {
	return general.Value(o - byzantinev1.Order_ORDER_RETREAT)
}

// fromOrders reads what a general decided, and demands orders.
func fromOrders(os []byzantinev1.Order) ([]general.Value, error) {
	var out []general.Value
	for _, o := range os {
		v := fromOrder(o)
		if v > general.Attack {
			return nil, rpc.Errorf(rpc.Invalid, "%v is no order", o)
		}
		out = append(out, v)
	}
	return out, nil
}

func toMessage(m general.Message) *byzantinev1.Message {
	return &byzantinev1.Message{Path: []byte(m.Path), Value: toOrder(m.Value), Seals: m.Seals}
}

func fromMessage(m *byzantinev1.Message) general.Message {
	return general.Message{Path: string(m.GetPath()), Value: fromOrder(m.GetValue()), Seals: m.GetSeals()}
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
