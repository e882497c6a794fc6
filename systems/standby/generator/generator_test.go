package generator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/generator"
)

// bank does what a primary does, in memory; every tenth request of a client it
// refuses for good.
type bank struct {
	standbyv1.UnimplementedAccountServiceServer
	mu       sync.Mutex
	balances map[string]int64
	action   uint64
	refused  int
}

func (b *bank) do(c *standbyv1.Caller, account string, delta int64) (*standbyv1.Answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case c.GetNumber() == 10:
		b.refused++
		return nil, rpc.Errorf(rpc.Internal, "boom")
	case b.balances[account]+delta < 0:
		return &standbyv1.Answer{Outcome: standbyv1.Outcome_OUTCOME_TOO_MUCH, Balance: b.balances[account], Epoch: 1, Action: b.action}, nil
	}
	b.balances[account] += delta
	if delta != 0 {
		b.action++
	}
	return &standbyv1.Answer{Outcome: standbyv1.Outcome_OUTCOME_DONE, Balance: b.balances[account], Epoch: 1, Action: b.action}, nil
}

func (b *bank) Lookup(_ context.Context, r *standbyv1.LookupRequest) (*standbyv1.LookupResponse, error) {
	a, err := b.do(r.GetCaller(), r.GetAccount(), 0)
	return &standbyv1.LookupResponse{Answer: a}, err
}

func (b *bank) Deposit(_ context.Context, r *standbyv1.DepositRequest) (*standbyv1.DepositResponse, error) {
	a, err := b.do(r.GetCaller(), r.GetAccount(), r.GetAmount())
	return &standbyv1.DepositResponse{Answer: a}, err
}

func (b *bank) Withdraw(_ context.Context, r *standbyv1.WithdrawRequest) (*standbyv1.WithdrawResponse, error) {
	a, err := b.do(r.GetCaller(), r.GetAccount(), -r.GetAmount())
	return &standbyv1.WithdrawResponse{Answer: a}, err
}

// run drives a bank and returns what the role prints.
func run(t *testing.T, b *bank, args ...string) (r generator.Report) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	addr, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = rpc.Serve(ctx, rpc.Options{Ready: func(a string) { addr <- a }}, func(r grpc.ServiceRegistrar) {
			standbyv1.RegisterAccountServiceServer(r, b)
		})
	}()
	defer func() { cancel(); <-ended }()
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, fmt.Appendf(nil, `{"s1": %q, "s2": "127.0.0.1:1"}`, <-addr), 0o666); err != nil {
		t.Fatal(err)
	}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	run := generator.New().Setup(fs)
	if err := fs.Parse(append([]string{"--config", hosts, "--warmup", "0s", "--length", "600ms", "--json"}, args...)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), systems.Shell{Out: &out}); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Every request is in the history, in the order of its client, with what became
// of it; they add up to the balances of the bank.
func TestHistory(t *testing.T) {
	b := &bank{balances: map[string]int64{}}
	history := filepath.Join(t.TempDir(), "history")
	r := run(t, b, "--clients", "3", "--accounts", "2", "--lookups", "0.2", "--bound", "1ms", "--history", history)
	all, err := generator.ReadHistory(history)
	if err != nil || int64(len(all)) != r.Counts.Sent {
		t.Fatalf("%d requests in the history, %+v: %v", len(all), r.Counts, err)
	}
	audit(t, b, all, r)
	cut(t, history)
}

// The client who stays is acknowledged one deposit after the other, and stops
// at what is never answered.
func TestStay(t *testing.T) {
	r := run(t, &bank{balances: map[string]int64{}}, "--clients", "1", "--lookups", "1", "--bound", "1ms", "--stay", "s1")
	if len(r.Stayed) == 0 || len(r.Stayed) > 9 {
		t.Fatalf("acknowledged: %+v", r.Stayed)
	}
	for i, s := range r.Stayed {
		if s.Number != uint64(i)+1 || s.Client != r.Stayed[0].Client || s.Epoch != 1 || i > 0 && s.Action <= r.Stayed[i-1].Action {
			t.Errorf("deposit %d: %+v", i, s)
		}
	}
}

func audit(t *testing.T, b *bank, all []generator.Done, r generator.Report) {
	t.Helper()
	balances, endings, kinds := map[string]int64{}, map[uint8]int64{}, map[uint8]int{}
	number := map[uint64]uint64{}
	for _, d := range all {
		endings[d.Ending]++
		kinds[d.Operation]++
		if number[d.Client]++; d.Number != number[d.Client] || d.Client == 0 || d.Begin > d.End || d.Attempts == 0 {
			t.Fatalf("request %d of client %d: %+v", number[d.Client], d.Client, d)
		}
		if d.Ending != generator.Answered || d.Outcome != uint8(standbyv1.Outcome_OUTCOME_DONE) {
			continue
		}
		if d.Server != 0 || d.Epoch != 1 {
			t.Fatalf("%+v", d)
		}
		switch d.Operation {
		case generator.Deposit:
			balances[generator.Account(d.Account)] += d.Amount
		case generator.Withdraw:
			balances[generator.Account(d.Account)] -= d.Amount
		}
	}
	if len(balances) != 2 || balances["1"] != b.balances["1"] || balances["2"] != b.balances["2"] {
		t.Errorf("the history adds up to %v, the bank holds %v", balances, b.balances)
	}
	if len(kinds) != 3 || kinds[generator.Lookup] == 0 || kinds[generator.Withdraw] >= kinds[generator.Deposit] {
		t.Errorf("kinds of requests: %v", kinds)
	}
	if endings[generator.Unknown] != r.Counts.Unknown || endings[generator.Answered] != r.Counts.OK || r.Counts.Unknown == 0 {
		t.Errorf("endings %v, counts %+v", endings, r.Counts)
	}
}

// A history that was cut is noticed, unless between two requests.
func cut(t *testing.T, history string) {
	t.Helper()
	text, err := os.ReadFile(history)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(history, slices.Clip(text[:len(text)-1]), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := generator.ReadHistory(history); err == nil {
		t.Error("a history that was cut is read as if it were whole")
	}
}
