package generator_test

import (
	"reflect"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems/standby/generator"
)

// A failover: s1 acknowledges in epoch 1, is killed at 100 ms, and s2 goes on in
// epoch 2 after 35 ms.
func failover() (all []generator.Done, at time.Time) {
	at = time.Unix(100, int64(100*time.Millisecond))
	write := func(ms int, server int8, epoch uint64) {
		all = append(all, generator.Done{
			Operation: generator.Deposit, Outcome: 1, Server: server, Epoch: epoch, End: time.Unix(100, int64(ms)*int64(time.Millisecond)).UnixNano(),
		})
	}
	for _, ms := range []int{70, 79, 81, 82, 99, 100} {
		write(ms, 0, 1)
	}
	write(101, 0, 1) // was on its way
	for _, ms := range []int{140, 135, 161} {
		write(ms, 1, 2)
	}
	write(-500, 0, 1) // before and after what is shown
	write(900, 1, 2)
	for _, other := range []generator.Done{
		{Operation: generator.Lookup, Outcome: 1},
		{Operation: generator.Deposit},
		{Operation: generator.Deposit, Outcome: 3},
		{Operation: generator.Deposit, Outcome: 1, Ending: generator.Unknown},
	} {
		other.End, other.Epoch = time.Unix(100, int64(105*time.Millisecond)).UnixNano(), 9
		all = append(all, other)
	}
	return all, at
}

func TestTimeline(t *testing.T) {
	all, at := failover()
	got := generator.Timeline(all, at, 30*time.Millisecond, 70*time.Millisecond, 10*time.Millisecond)
	want := record.Series{
		Step: 0.01, From: -0.03,
		Lines: []record.Line{
			{Name: "s1", Values: []float64{2, 2, 1, 2, 0, 0, 0, 0, 0, 0}}, {Name: "s2", Values: []float64{0, 0, 0, 0, 0, 0, 1, 1, 0, 1}},
		},
		Phases: []record.Phase{{Name: "epoch 1: s1", From: -0.03, To: 0.001}, {Name: "epoch 2: s2", From: 0.035, To: 0.061}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
