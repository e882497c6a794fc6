package cluster

import (
	"testing"

	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// Another program may tell that it heard what nobody can have said.
func TestTranscribe(t *testing.T) {
	o := &play.Outcome{}
	o.N = 4
	said := func(path ...byte) *byzantinev1.Message {
		return &byzantinev1.Message{Round: 1, Path: path, Value: byzantinev1.Order_ORDER_ATTACK}
	}
	transcribe(o, 1, []*byzantinev1.Message{said(), said(0, 4), said(0)})
	transcribe(o, 2, []*byzantinev1.Message{said(0), said(200)})
	if len(o.Log) != 1 || o.Log[0].Path != "\x00" || o.Log[0].To != general.Only(1)|general.Only(2) {
		t.Errorf("%+v", o.Log)
	}
}
