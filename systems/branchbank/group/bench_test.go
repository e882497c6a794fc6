package group_test

import (
	"testing"

	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/group"
)

// open starts branches in this process and returns a client of the first one.
func open(tb testing.TB, n int, mode branch.Mode) branchbankv1.BranchServiceClient {
	tb.Helper()
	s := group.Spec{Balance: 1_000_000}
	for i := range n {
		s.IDs = append(s.IDs, branch.ID(i+1))
	}
	l, err := group.StartLocal(tb.Context(), s, branch.Config{Mode: mode, Funds: branch.Optimistic})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	conn, err := l.Dial(l.Addresses[0])
	if err != nil {
		tb.Fatal(err)
	}
	return branchbankv1.NewBranchServiceClient(conn)
}

func execute(b *testing.B, c branchbankv1.BranchServiceClient, req *branchbankv1.ExecuteRequest) {
	if resp, err := c.Execute(b.Context(), req); err != nil || !resp.GetSuccess() {
		b.Fatal(resp, err)
	}
}

// One operation is a deposit at one of four branches, without a disk: by one
// customer after the other, or 32 at once.
func BenchmarkWrite(b *testing.B) {
	req := &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_DEPOSIT, Amount: 1}
	for _, mode := range []branch.Mode{branch.Sync, branch.Async, branch.Stream} {
		b.Run("propagate="+string(mode), func(b *testing.B) {
			c := open(b, 4, mode)
			execute(b, c, req)
			for b.Loop() {
				execute(b, c, req)
			}
		})
		b.Run("propagate="+string(mode)+"/customers=32x", func(b *testing.B) {
			c := open(b, 4, mode)
			execute(b, c, req)
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					execute(b, c, req)
				}
			})
		})
	}
}

// One operation is a query.
func BenchmarkRead(b *testing.B) {
	c := open(b, 4, branch.Sync)
	for b.Loop() {
		execute(b, c, &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_QUERY})
	}
}
