// Package menu is the command client: the menu of the original hand-out, word
// for word, over whatever is a bank.
package menu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/standby/client"
)

// Bank is what the menu asks. An account that is not there is an error of kind
// [rpc.NotFound], a withdrawal of more than there is one of kind [rpc.Declined].
type Bank interface {
	Balance(ctx context.Context, account string) (int64, error)
	Withdraw(ctx context.Context, account string, amount int64) (balance int64, err error)
	Deposit(ctx context.Context, account string, amount int64) (balance int64, err error)
}

// What is shown. The words are the hand-out's.
const (
	banner = "Welcome to Distributed Bank!"
	master = `------------------------------------
* Enter you operation:             *
*   1: Look up balance             *
*   2: Withdraw an amount of money *
*   3: Save an amount of money     *
*   4: Terminating program         *
------------------------------------`

	askChoice   = "Your choice:"
	askAccount  = "Enter your account ID:"
	askWithdraw = "Enter amount your want to withdraw:"
	askDeposit  = "Enter amount your want to deposite:"

	sayBalance  = "Current balance: %d"
	sayNotFound = "Account not found"
	sayTooMuch  = "Withdraw amount must be less than balance"
	sayAmount   = "Amount must be a non-negative integer"
	sayLargest  = "Amount must be at most %d"
	sayChoice   = "Choose 1, 2, 3 or 4"
	sayKey      = "Press any key to go on"

	clearScreen = "\x1b[H\x1b[2J\x1b[3J"
)

// Screen is where the menu is shown and its answers are typed.
type Screen struct {
	In  io.Reader
	Out io.Writer

	// Script reads choices, accounts and amounts from a file or a pipe: the menu
	// is shown once, and every prompt and answer is a line of its own.
	Script bool

	// Key waits for a key, after which the screen may be cleared; nil where there
	// is no screen to clear.
	Key func(context.Context) error
}

// choices are what the menu can do.
var choices = map[string]struct {
	amount string // how it asks for one; empty: it needs none
	do     func(Bank, context.Context, string, int64) (int64, error)
}{
	"1": {"", func(b Bank, ctx context.Context, account string, _ int64) (int64, error) {
		return b.Balance(ctx, account)
	}},
	"2": {askWithdraw, Bank.Withdraw},
	"3": {askDeposit, Bank.Deposit},
}

const terminate = "4"

// Run shows the menu until who uses it terminates the program, or the input
// ends. A request that got no answer is told and does not end it; how many there
// were is an error at the end of a script.
func Run(ctx context.Context, s Screen, b Bank) error {
	m := &session{Screen: s, bank: b, lines: bufio.NewReader(s.In), out: bufio.NewWriter(s.Out)}
	err := m.run(ctx)
	return errors.Join(err, m.out.Flush())
}

// session is one run of the menu.
type session struct {
	Screen
	bank       Bank
	lines      *bufio.Reader
	out        *bufio.Writer
	line       int // of the input, from 1
	unanswered int
}

func (m *session) run(ctx context.Context) error {
	m.say(banner)
	m.say(master)
	for ctx.Err() == nil {
		choice, err := m.ask(ctx, askChoice)
		if choice == terminate || errors.Is(err, io.EOF) {
			return m.over()
		}
		if err != nil {
			return err
		}
		if err := m.serve(ctx, choice); errors.Is(err, io.EOF) {
			return m.over()
		} else if err != nil {
			return err
		}
		if err := m.again(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// serve does one choice. Its errors end the menu.
func (m *session) serve(ctx context.Context, choice string) error {
	c, ok := choices[choice]
	if !ok {
		m.say(sayChoice)
		return nil
	}
	account, err := m.ask(ctx, askAccount)
	if err != nil {
		return m.short(err, "an account ID")
	}
	var amount int64
	if c.amount != "" {
		text, err := m.ask(ctx, c.amount)
		if err != nil {
			return m.short(err, "an amount")
		}
		var complaint string
		if amount, complaint = parse(text); complaint != "" {
			m.say("%s", complaint)
			return nil
		}
	}
	balance, err := c.do(m.bank, ctx, account, amount)
	m.answer(balance, err)
	return ctx.Err()
}

// answer tells what became of a request.
func (m *session) answer(balance int64, err error) {
	switch kind := rpc.KindOf(err); {
	case err == nil:
		m.say(sayBalance, balance)
	case kind == rpc.NotFound:
		m.say(sayNotFound)
	case kind == rpc.Declined:
		m.say(sayTooMuch)
	case kind == rpc.Invalid:
		m.say("The bank refuses: %s", err)
	default:
		m.unanswered++
		m.say("The bank does not answer: %s", err)
	}
}

// parse reads an amount, or says what is wrong with it.
func parse(text string) (amount int64, complaint string) {
	n, err := strconv.ParseUint(text, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Sprintf(sayLargest, int64(math.MaxInt64))
	}
	if err != nil {
		return 0, sayAmount
	}
	return int64(n), ""
}

// ask prompts and reads a line, without the space around it.
func (m *session) ask(ctx context.Context, prompt string) (string, error) {
	if m.Script {
		m.say("%s", prompt)
	} else {
		fmt.Fprint(m.out, prompt, " ")
	}
	if err := m.out.Flush(); err != nil {
		return "", err
	}
	text, err := m.read(ctx)
	m.line++
	if text != "" && errors.Is(err, io.EOF) {
		err = nil // a last line without its end
	}
	return strings.TrimSpace(text), err
}

// read reads a line. What is typed after an interrupt is nobody's.
func (m *session) read(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := m.lines.ReadString('\n')
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// say writes a line, and flushes it where somebody may wait for it.
func (m *session) say(format string, args ...any) {
	fmt.Fprintf(m.out, format+"\n", args...)
	_ = m.out.Flush() // its error stays, and the last Flush returns it
}

// again shows the menu anew, on a terminal after a key.
func (m *session) again(ctx context.Context) error {
	if m.Script {
		return nil
	}
	if m.Key != nil {
		m.say("%s", sayKey)
		if err := m.Key(ctx); err != nil {
			return err
		}
		fmt.Fprint(m.out, clearScreen)
		m.say(banner)
	}
	m.say(master)
	return nil
}

// over ends the menu.
func (m *session) over() error {
	if m.Script && m.unanswered > 0 {
		return fmt.Errorf("%d requests of the script got no answer", m.unanswered)
	}
	return nil
}

// short is the error of an input that ends within a choice.
func (m *session) short(err error, want string) error {
	if errors.Is(err, io.EOF) && m.Script {
		return systems.Usagef("line %d: the script ends where %s is expected", m.line, want)
	}
	return err
}

// Command is the command client.
func Command() systems.Command {
	return systems.Command{
		Name:    "client",
		Summary: "the menu: look up a balance, withdraw, save",
		Example: "dyno standby client --config serverhost.config\n" +
			"dyno standby client --config serverhost.config --script",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			dial := client.Bind(fs)
			script := fs.Bool("script", false, "read choice, account and amount line by line from standard input; answers are lines of their own")
			return func(ctx context.Context, sh systems.Shell) error {
				bank, err := dial()
				if err != nil {
					return err
				}
				defer bank.Close()
				s := Screen{In: sh.In, Out: sh.Out, Script: *script}
				if !*script {
					s.Key = KeyOf(sh.In, sh.Out)
				}
				return Run(ctx, s, bank.Session())
			}
		},
	}
}
