package story_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/record"
)

const ms = 1_000_000

func branchOf(o history.BankOp) string { return fmt.Sprintf("branch %d", 1+o.Client%2) }

func op(client int32, begin, end int64, kind history.BankKind, n int64) history.BankOp {
	o := history.BankOp{Client: client, Begin: begin * ms, End: end * ms, Outcome: record.OK}
	o.Input.Kind = kind
	if kind == history.Query {
		o.Output = history.BankOutput{Balance: n, Shown: true}
		return o
	}
	o.Input.Amount, o.Input.Request = n, fmt.Sprint(kind, begin)
	return o
}

// look draws a story that must be drawable, where a person can see it.
func look(t *testing.T, s story.Story) {
	t.Helper()
	var b bytes.Buffer
	if words, err := s.Tell(&b); err != nil || len(words) == 0 || !strings.Contains(b.String(), "<svg") {
		t.Fatal(words, err)
	}
	if dir := os.Getenv("DYNO_STORIES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".svg"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBank(t *testing.T) {
	before := []history.BankOp{
		op(1, 1, 2, history.Deposit, 100), op(2, 1, 3, history.Withdraw, 50), op(3, 4, 5, history.Query, 450),
	}
	bank := history.Bank{Initial: map[string]int64{"": 400}, Overdraft: true}
	unknown := op(1, 3, 30, history.Deposit, 7)
	unknown.Outcome = record.Unknown
	for _, c := range []struct {
		name     string
		ops      []history.BankOp
		replicas map[string]int64
		words    []string
		calls    int
	}{
		{
			"own",
			[]history.BankOp{op(3, 6, 7, history.Deposit, 10), op(3, 8, 9, history.Query, 450), unknown},
			nil,
			[]string{"customer 3 read 450 at branch 2 after its own deposit of 10 had been acknowledged", "right is 460: 450 from all else, deposit 10 by customer 3; no choice among the 1 under way or unknown makes it 450"},
			3,
		},
		{
			"other",
			[]history.BankOp{op(2, 6, 7, history.Withdraw, 30), op(3, 8, 9, history.Query, 450)},
			nil,
			[]string{"customer 3 read 450 at branch 2 after the withdraw of 30 by customer 2 at branch 1 had been acknowledged", "right is 420: 450 from all else, withdraw 30 by customer 2"},
			2,
		},
		{
			"twice",
			[]history.BankOp{op(2, 6, 7, history.Deposit, 33), op(3, 8, 9, history.Query, 516)},
			nil,
			[]string{"an acknowledged write at branch 1 is counted twice", "customer 3 read 516 at branch 2, as if the deposit of 33 by customer 2 at branch 1 had happened twice", "right is 483"},
			2,
		},
		{
			"both twice",
			[]history.BankOp{op(2, 6, 7, history.Deposit, 33), op(2, 7, 8, history.Deposit, 40), op(3, 9, 10, history.Query, 596)},
			nil,
			[]string{"2 acknowledged writes at branch 1 are counted twice", "had happened twice", "right is 523"},
			3,
		},
		{
			"replica",
			[]history.BankOp{op(2, 6, 7, history.Deposit, 33)},
			map[string]int64{"branch 1": 483, "branch 2": 450},
			[]string{"when all was over, branch 2 held 450 after the deposit of 33 by customer 2 at branch 1 had been acknowledged"},
			2,
		},
		{"nothing", []history.BankOp{op(3, 8, 9, history.Query, 1)}, nil, []string{"customer 3 read 1 at branch 2", "right is 450"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var replicas []history.Replica
			for _, name := range []string{"branch 1", "branch 2"} {
				if n, ok := c.replicas[name]; ok {
					replicas = append(replicas, history.Replica{Name: name, Balances: map[string]int64{"": n}})
				}
			}
			s := story.Bank(bank, history.Told{Ops: append(before[:len(before):len(before)], c.ops...), Replicas: replicas, Server: branchOf})
			if len(s.Steps) != c.calls || !s.Steps[len(s.Steps)-1].Broken {
				t.Fatalf("%d steps, want %d: %+v", len(s.Steps), c.calls, s)
			}
			text := strings.Join(append([]string{s.Title}, s.Words...), "\n")
			for _, want := range c.words {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
			look(t, s)
		})
	}
	if s := story.Bank(bank, history.Told{Ops: before, Server: branchOf}); len(s.Words)+len(s.Steps) > 0 {
		t.Errorf("a right history has a story: %+v", s)
	}
}
