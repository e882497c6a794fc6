package menu_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/standby/menu"
)

// fakeBank does what a bank does, in memory.
type fakeBank struct {
	mu       sync.Mutex
	accounts map[string]int64
	fails    error
	asked    []string
}

func (f *fakeBank) Balance(_ context.Context, account string) (int64, error) {
	return f.change("balance", account, 0)
}

func (f *fakeBank) Withdraw(_ context.Context, account string, amount int64) (int64, error) {
	return f.change("withdraw", account, -amount)
}

func (f *fakeBank) Deposit(_ context.Context, account string, amount int64) (int64, error) {
	return f.change("deposit", account, amount)
}

func (f *fakeBank) change(op, account string, delta int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf("%s %s %d", op, account, delta))
	balance, ok := f.accounts[account]
	switch {
	case f.fails != nil:
		return 0, f.fails
	case !ok:
		return 0, rpc.Errorf(rpc.NotFound, "there is no such account")
	case balance+delta < 0:
		return 0, rpc.Errorf(rpc.Declined, "the balance is %d", balance)
	}
	f.accounts[account] += delta
	return f.accounts[account], nil
}

func run(t *testing.T, b *fakeBank, s menu.Screen, in string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	s.In, s.Out = strings.NewReader(in), &out
	err := menu.Run(t.Context(), s, b)
	return out.String(), err
}

const shown = `Welcome to Distributed Bank!
------------------------------------
* Enter you operation:             *
*   1: Look up balance             *
*   2: Withdraw an amount of money *
*   3: Save an amount of money     *
*   4: Terminating program         *
------------------------------------
`

// The hand-out's own examples, in a script: each prompt and each answer is a
// line.
func TestScript(t *testing.T) {
	b := &fakeBank{accounts: map[string]int64{"2": 300, "3": 450, "5": 500}}
	got, err := run(t, b, menu.Screen{Script: true}, "1\n2\n1\n50\n2\n2\n10\n2\n5\n1000\n3\n3\n100\n4\n1\n2\n")
	if err != nil {
		t.Fatal(err)
	}
	const choice, account = "Your choice:\n", "Enter your account ID:\n"
	const withdraw, deposit = "Enter amount your want to withdraw:\n", "Enter amount your want to deposite:\n"
	want := shown +
		choice + account + "Current balance: 300\n" +
		choice + account + "Account not found\n" +
		choice + account + withdraw + "Current balance: 290\n" +
		choice + account + withdraw + "Withdraw amount must be less than balance\n" +
		choice + account + deposit + "Current balance: 550\n" + choice
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnswers(t *testing.T) {
	const largest = "9223372036854775807"
	for _, c := range []struct{ name, in, want string }{
		{"everything can be taken", "2\n2\n300\n", "Current balance: 0"},
		{"one more cannot", "2\n2\n301\n", "Withdraw amount must be less than balance"},
		{"nothing changes nothing", "2\n2\n0\n", "Current balance: 300"},
		{"nothing is saved", "3\n2\n0\n", "Current balance: 300"},
		{"space does not count", " 3 \n\t2\n 1\r\n", "Current balance: 301"},
		{"the largest", "2\n2\n" + largest + "\n", "Withdraw amount must be less than balance"},
		{"larger", "2\n2\n9223372036854775808\n", "Amount must be at most " + largest},
		{"a fraction", "3\n2\n1.5\n", "Amount must be a non-negative integer"},
		{"a word", "3\n2\nten\n", "Amount must be a non-negative integer"},
		{"none", "3\n2\n\n", "Amount must be a non-negative integer"},
		{"a sign", "3\n2\n+1\n", "Amount must be a non-negative integer"},
		{"no such choice", "5\n", "Choose 1, 2, 3 or 4"},
		{"no choice", "\n", "Choose 1, 2, 3 or 4"},
		{"no account", "1\n\n", "Account not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := run(t, &fakeBank{accounts: map[string]int64{"2": 300}}, menu.Screen{Script: true}, c.in)
			if err != nil || !strings.Contains(got, "\n"+c.want+"\n") {
				t.Errorf("%v, and\n%s\nwant %s", err, got, c.want)
			}
		})
	}
}

// The hand-out's own program sent negative amounts: withdrawing -100 saved 100.
func TestCourseFaultNegativeAmounts(t *testing.T) {
	for _, op := range []string{"2", "3"} {
		b := &fakeBank{accounts: map[string]int64{"2": 300}}
		got, err := run(t, b, menu.Screen{Script: true}, op+"\n2\n-100\n")
		if err != nil || !strings.Contains(got, "\nAmount must be a non-negative integer\n") || len(b.asked) > 0 {
			t.Errorf("%v; the bank was asked %q;\n%s", err, b.asked, got)
		}
	}
}

// The hand-out's own program mixed up found and not found.
func TestCourseFaultFoundAndNotFound(t *testing.T) {
	b := &fakeBank{accounts: map[string]int64{"2": 0}}
	for in, want := range map[string]string{
		"1\n2\n": "Current balance: 0", "1\n3\n": "Account not found",
		"2\n2\n0\n": "Current balance: 0", "2\n3\n0\n": "Account not found",
		"3\n2\n0\n": "Current balance: 0", "3\n3\n0\n": "Account not found",
	} {
		got, err := run(t, b, menu.Screen{Script: true}, in)
		if err != nil || !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("%q: %v\n%s\nwant %s", in, err, got, want)
		}
	}
}

// Without a script prompts stand before what is typed, the menu comes again each
// time, and nothing is cleared where there is no terminal.
func TestPlain(t *testing.T) {
	got, err := run(t, &fakeBank{accounts: map[string]int64{"2": 300}}, menu.Screen{}, "1\n2\n4\n")
	box := strings.TrimPrefix(shown, "Welcome to Distributed Bank!\n")
	if want := shown + "Your choice: Enter your account ID: Current balance: 300\n" + box + "Your choice: "; err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}

func TestInputEnds(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "1\n2": "", "1\n2\n": "",
		"1\n":        "line 2: the script ends where an account ID is expected",
		"1\n2\n2\n2": "line 5: the script ends where an amount is expected",
	} {
		b := &fakeBank{accounts: map[string]int64{"2": 300}}
		_, err := run(t, b, menu.Screen{Script: true}, in)
		if want == "" != (err == nil) || err != nil && (err.Error() != want || !systems.IsUsage(err)) {
			t.Errorf("%q: %v; want %s", in, err, want)
		}
		if _, err := run(t, b, menu.Screen{}, in); err != nil {
			t.Errorf("%q by hand: %v", in, err)
		}
	}
}

// What the bank does not answer is told, and the menu goes on; a script ends
// with an error.
func TestNoAnswer(t *testing.T) {
	b := &fakeBank{fails: errors.New("both servers are away")}
	got, err := run(t, b, menu.Screen{Script: true}, "1\n2\n3\n2\n1\n4\n")
	if err == nil || err.Error() != "2 requests of the script got no answer" ||
		strings.Count(got, "The bank does not answer: both servers are away\n") != 2 {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := run(t, b, menu.Screen{}, "1\n2\n4\n"); err != nil {
		t.Error(err)
	}
	b.fails = rpc.Errorf(rpc.Invalid, "more than an account holds")
	if got, err := run(t, b, menu.Screen{Script: true}, "3\n2\n1\n"); err != nil || !strings.Contains(got, "The bank refuses: more than an account holds\n") {
		t.Errorf("%v\n%s", err, got)
	}
}

// An interrupt ends it though nothing is typed; a screen that is gone, too.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, typing := io.Pipe()
	defer typing.Close()
	out, screen := io.Pipe()
	ended := make(chan error)
	go func() { ended <- menu.Run(ctx, menu.Screen{In: in, Out: screen}, &fakeBank{}) }()
	if _, err := io.ReadAtLeast(out, make([]byte, 1000), len(shown)+len("Your choice: ")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = out.CloseWithError(errors.New("hung up"))
	if err := menu.Run(t.Context(), menu.Screen{In: in, Out: screen}, &fakeBank{}); err == nil || !strings.Contains(err.Error(), "hung up") {
		t.Error(err)
	}
}
