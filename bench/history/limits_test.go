package history

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
)

// crowd is what a search cannot do: many open deposits, and two queries, of
// which the second has lost what the first has seen.
func crowd(n int) []BankOp {
	var ops []BankOp
	for i := range n {
		ops = append(ops, BankOp{Client: int32(i), End: 100, Outcome: record.OK, Input: BankInput{Deposit, "a", 1 << i, fmt.Sprint(i), 0}})
	}
	for i := range int64(2) {
		query := BankOp{Client: 99, Seq: int32(i), Begin: 50 + 20*i, End: 60 + 20*i, Outcome: record.OK, Input: BankInput{Kind: Query, Account: "a"}}
		query.Output.Balance = 1 << (n - 1 - int(i))
		ops = append(ops, query)
	}
	return ops
}

func TestSearchLimitsLeaveDoubt(t *testing.T) {
	ops := crowd(22)
	for name, limits := range map[string]Limits{
		"operations": {OpsPerKey: 22},
		"memory":     {Memory: 1 << 20, Timeout: time.Hour},
		"time":       {Timeout: 20 * time.Millisecond, Memory: 1 << 40},
		"no time":    {Timeout: time.Nanosecond},
	} {
		c := Bank{}.Linearizable(ops, limits).Check("linearizable")
		if c.Status != record.Undetermined || c.Examined < 2 || c.Detail == "" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := (Bank{}).Linearizable(crowd(5), Limits{}).Check("linearizable"); c.Status != record.Invalid {
		t.Errorf("few enough to tell: %+v", c)
	}
}

func TestTooManyTotalsLeaveDoubt(t *testing.T) {
	ops := crowd(40)[:41]
	for i := range 40 {
		ops[i].Input.Amount = 1<<39 + 1<<i // no pruning helps
	}
	ops[40].Output.Balance = 1<<43 + 12345
	if c := (Bank{}).Regular(ops).Check("regular"); c.Status != record.Undetermined || c.Examined != 1 {
		t.Errorf("%+v", c)
	}
}

func TestNothingExaminedIsNeverPass(t *testing.T) {
	unknown := []BankOp{{End: 1, Input: BankInput{Deposit, "a", 1, "r", 0}}}
	put := regs{{End: 1, Outcome: record.OK, Input: RegisterInput{Key: "x", Kind: Put, Value: 1}}}
	sessions := CheckSessions(nil, nil)
	for name, f := range map[string]Finding{
		"no operations":     registers.Linearizable(nil, Limits{}),
		"puts alone":        registers.Linearizable(put, Limits{}),
		"unknown alone":     Bank{}.Linearizable(unknown, Limits{}),
		"unknown, regular":  Bank{}.Regular(unknown),
		"unknown, in order": Bank{}.InOrder(unknown, ActionLog{}),
		"no replica":        Bank{}.Conserved(unknown, nil),
		"once":              Once(unknown, nil),
		"durable":           Durable(unknown, []Replica{{Name: "a"}}),
		"one replica":       Agree([]Replica{{Name: "a"}}),
		"solvent":           Solvent(unknown, nil),
		"ryw":               sessions.ReadYourWrites,
		"mr":                sessions.MonotonicReads,
		"mw":                sessions.MonotonicWrites,
		"wfr":               sessions.WritesFollowReads,
	} {
		if c := f.Check(name); c.Status != record.Undetermined || c.Examined != 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestViolationNamesTheFirstWrongAnswer(t *testing.T) {
	get := func(client int32, key string, begin int64, value int) RegisterOp {
		return RegisterOp{Client: client, Begin: begin, End: begin + 10, Outcome: record.OK, Input: RegisterInput{Key: key, Kind: Get}, Output: value}
	}
	put := RegisterOp{Client: 1, End: 100, Outcome: record.OK, Input: RegisterInput{Key: "x", Kind: Put, Value: 7}}
	ops := regs{put, get(2, "x", 20, 7), get(3, "x", 40, 0), get(4, "x", 60, 7), get(5, "a", 0, 0)}
	f := registers.Linearizable(ops, Limits{})
	if f.Examined != 4 || f.Violations != 1 || !strings.Contains(f.First, "key x: client 3 #0") || !strings.Contains(f.First, "3 operations") {
		t.Errorf("%+v", f)
	}
}

func TestOverflowIsAFault(t *testing.T) {
	deposit := func(n int64, r string) BankOp {
		return BankOp{End: 1, Outcome: record.OK, Input: BankInput{Deposit, "a", n, r, 0}}
	}
	ops := []BankOp{deposit(math.MaxInt64, "1"), deposit(2, "2")}
	wrapped := int64(math.MinInt64 + 1)
	replicas := []Replica{{"s", map[string]int64{"a": wrapped}, []string{"1", "2"}}}
	if f := (Bank{}).Conserved(ops, replicas); f.Violations == 0 || !strings.Contains(f.First, "overflows") {
		t.Errorf("a wrapped balance: %+v", f)
	}
	if f := (Bank{}).InOrder(ops, ActionLog{Requests: []string{"1", "2"}}); f.Violations == 0 {
		t.Errorf("a wrapped balance in order: %+v", f)
	}
	if f := (Bank{}).Linearizable(ops, Limits{}); f.Violations == 0 {
		t.Errorf("two deposits that cannot both fit: %+v", f)
	}
	query := BankOp{Begin: 2, End: 3, Outcome: record.OK, Input: BankInput{Kind: Query, Account: "a"}, Output: BankOutput{Balance: wrapped}}
	if f := (Bank{}).Regular(append(ops, query)); f.Violations == 0 {
		t.Errorf("a wrapped balance read: %+v", f)
	}
	// Beyond the range on the way only: no fault.
	ops = append(ops, BankOp{End: 1, Outcome: record.OK, Input: BankInput{Withdraw, "a", 2, "3", 0}})
	replicas = []Replica{{"s", map[string]int64{"a": math.MaxInt64}, []string{"1", "3", "2"}}}
	if f := (Bank{Overdraft: true}).Conserved(ops, replicas); f.Violations != 0 {
		t.Errorf("in some order it fits: %+v", f)
	}
}

func TestSettleRefusesNonsense(t *testing.T) {
	ok := BankOp{End: 1, Outcome: record.OK, Input: BankInput{Deposit, "a", 1, "r", 0}}
	other, kind, bare, negative := ok, ok, ok, ok
	other.Input.Amount = 2
	kind.Input.Kind = "steal"
	bare.Input.Request = ""
	negative.Input.Amount = -1
	for name, ops := range map[string][]BankOp{
		"two requests, one id": {ok, other}, "kind": {kind}, "no id": {bare}, "negative": {negative},
	} {
		if f := Once(ops, []Replica{{Applied: []string{"r"}}}); f.Violations == 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestSolventCounts(t *testing.T) {
	q := func(n int64) BankOp {
		return BankOp{Outcome: record.OK, Input: BankInput{Kind: Query}, Output: BankOutput{Balance: n}}
	}
	f := Solvent([]BankOp{q(1), q(-1), q(0)}, []Replica{{"s", map[string]int64{"a": -2}, nil}})
	if f.Examined != 4 || f.Violations != 2 {
		t.Errorf("%+v", f)
	}
}
