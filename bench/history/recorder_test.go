package history

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"dyno/internal/record"
)

func TestRecorderMergesClients(t *testing.T) {
	const clients, each = 8, 500
	r := NewRecorder[int, string](clients*each*2, nil)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			log := r.Client(int32(c))
			for i := range each {
				call, err := log.Begin(i)
				if err != nil {
					t.Error(err)
					return
				}
				if i != each-1 { // the last one hangs
					call.End("x", []record.Outcome{record.OK, record.Unknown}[i%2])
				}
			}
		})
	}
	if _, err := r.Ops(); err != nil { // while they run
		t.Error(err)
	}
	wg.Wait()
	ops, err := r.Ops()
	if err != nil || len(ops) != clients*each {
		t.Fatalf("%d operations, %v", len(ops), err)
	}
	next := make([]int32, clients)
	for i, o := range ops {
		if i > 0 && o.Begin < ops[i-1].Begin {
			t.Fatalf("%v after %v", o, ops[i-1])
		}
		if o.Seq != next[o.Client] || o.Input != int(o.Seq) {
			t.Fatalf("%v, want #%d", o, next[o.Client])
		}
		next[o.Client]++
		hung := o.Seq == each-1
		if (o.End == Never) != hung || (o.Until() == Never) != (hung || o.Outcome == record.Unknown) {
			t.Fatalf("%v ends at %d, until %d", o, o.End, o.Until())
		}
		if (o.Output == "x") != (o.Outcome == record.OK) {
			t.Fatalf("%v: output %q", o, o.Output)
		}
	}
	again, _ := r.Ops()
	if !reflect.DeepEqual(ops, again) {
		t.Error("merged twice, the record differs")
	}
}

func TestRecorderIsBounded(t *testing.T) {
	r := NewRecorder[int, int](3, nil)
	for i := range 3 {
		call, err := r.Client(int32(i % 2)).Begin(0)
		if err != nil {
			t.Fatal(err)
		}
		call.End(0, record.OK)
	}
	if ops, err := r.Ops(); err != nil || len(ops) != 3 {
		t.Fatalf("%d operations of 3, %v", len(ops), err)
	}
	if _, err := r.Client(1).Begin(0); !errors.Is(err, ErrFull) {
		t.Errorf("the fourth of 3: %v", err)
	}
	if _, err := r.Ops(); !errors.Is(err, ErrFull) {
		t.Errorf("a record that lacks operations: %v", err)
	}
}

func TestRecorderRefusesNonsense(t *testing.T) {
	r := NewRecorder[int, int](9, nil)
	call, _ := r.Client(0).Begin(0)
	call.End(0, record.OK)
	call.End(1, record.OK)
	if _, err := r.Ops(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("ended twice: %v", err)
	}
	now := int64(10)
	r = NewRecorder[int, int](9, func() int64 { now--; return now })
	call, _ = r.Client(0).Begin(0)
	call.End(0, record.OK)
	if _, err := r.Ops(); err == nil || !strings.Contains(err.Error(), "before it begins") {
		t.Errorf("a clock that runs backwards: %v", err)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	ops := []BankOp{
		{Client: 1, Seq: 2, Begin: 3, End: 4, Outcome: record.OK, Input: BankInput{Kind: Query, Account: "a"}, Output: BankOutput{Balance: -5, Order: 7}},
		{Begin: 3, End: Never, Input: BankInput{Kind: Deposit, Amount: 9, Request: "r"}},
		{End: 9, Outcome: record.Refused},
		{End: 8, Outcome: record.Failed},
	}
	roundTrip(t, ops)
	session := []SessionOp{
		{Outcome: record.OK, Input: SessionInput{"c", true}, Output: SessionOutput{Wrote: WriteID{"b", 1}}},
		{Outcome: record.OK, Input: SessionInput{"c", false}, Output: SessionOutput{Seen: Seen{map[string]int64{"b": 1}, []WriteID{{"c", 2}}}}},
	}
	roundTrip(t, session)
}

func roundTrip[T any](t *testing.T, ops []T) {
	t.Helper()
	text, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	var got []T
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, ops) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestJSONRefused(t *testing.T) {
	for _, text := range []string{
		`{"client":0,"seq":0,"begin_ns":0,"outcome":"fine","in":1}`,
		`{"client":0,"seq":0,"begin_ns":0,"outcome":"ok","in":1}`,
		`{"client":0,"seq":0,"begin_ns":0,"outcome":"unknown","in":1,"out":1}`,
		`{"client":0,"seq":0,"begin_ns":5,"end_ns":4,"outcome":"failed","in":1}`,
		`{"client":0,"sequence":0,"begin_ns":0,"outcome":"failed","in":1}`,
		`{"client":0,`,
	} {
		if err := json.Unmarshal([]byte(text), new(Op[int, int])); err == nil {
			t.Errorf("%s: passed", text)
		}
	}
}
