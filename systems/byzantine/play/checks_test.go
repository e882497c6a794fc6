package play

import (
	"testing"

	"dyno/systems/byzantine/core/general"
)

// The check of a run is able to fail.
func TestChecksCanFail(t *testing.T) {
	v, err := Knobs.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := func() *Outcome {
		b := New(v, 1)
		b.Traitors, b.Resolver = general.Only(3), ResolveMessages
		return b.Play()
	}
	status := func(o *Outcome) map[string]string {
		out := make(map[string]string)
		for _, c := range append(append(o.Checks(), o.CheckDecided()), o.CheckTwin()...) {
			out[c.Name] = string(c.Status)
		}
		return out
	}
	for name, s := range status(good()) {
		if s != "valid" {
			t.Errorf("%s is %s of a run that is right", name, s)
		}
	}
	for name, spoil := range map[string]func(*Outcome){
		checkAgreement: func(o *Outcome) { o.Decisions[1].Value = general.Retreat },
		checkTwin:      func(o *Outcome) { o.Decisions[2].Value = general.Retreat },
		checkValidity: func(o *Outcome) {
			for i := range o.Decisions {
				o.Decisions[i].Value = general.Retreat
			}
		},
		checkMessages: func(o *Outcome) { o.Messages[1]-- },
		checkBatches:  func(o *Outcome) { o.Physical++ },
		checkPunctual: func(o *Outcome) { o.Physical-- },
		checkDecided:  func(o *Outcome) { o.Lost = general.Only(1) },
	} {
		o := good()
		spoil(o)
		if s := status(o)[name]; s == "valid" || s == "" {
			t.Errorf("%s does not notice: %q", name, s)
		}
	}
	o := good()
	for i := range o.Decisions { // all alike, and none an order
		o.Decisions[i].Value = general.Attack + 1
	}
	if s := status(o)[checkDecided]; s != "invalid" {
		t.Errorf("decisions that are no orders: %q", s)
	}
}
