package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/strife/books"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/trial"
	"dyno/systems/strife/wallet"
)

// Command is the command demo.
func Command() systems.Command {
	return systems.Command{
		Name:    "demo",
		Starts:  true,
		Summary: "a short story of payments, a crash and a retry; what blocks while the gateway is away; or hours of random kills",
		Example: "dyno strife demo\ndyno strife demo --blocking\ndyno strife demo --soak 30m",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			blocking := fs.Bool("blocking", false, "show what two-phase commit blocks while the gateway stays away, and what it does not")
			length := fs.Duration("soak", 0, "pay with 16 users for so long while servers are killed at random, then audit everything")
			seed := fs.Uint64("seed", 1, "balances and kills come from it")
			return func(ctx context.Context, sh systems.Shell) error {
				if *length < 0 {
					return systems.Usagef("--soak %v: give a positive time", *length)
				}
				if *length > 0 {
					return soak(ctx, sh, *length, *seed, trial.Knobs)
				}
				ctx, bench, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: *seed})
				if err != nil {
					return err
				}
				s, err := raise(ctx, sh.Out, bench, *seed)
				if err != nil {
					return errors.Join(err, closeBench())
				}
				play := (*stage).story
				if *blocking {
					play = (*stage).blocking
				}
				return errors.Join(play(s, ctx), closeBench())
			}
		},
	}
}

// story is the demo without flags.
func (s *stage) story(ctx context.Context) error {
	s.say("two banks, %s, and a gateway run; each proves by a certificate who it is", strings.Join(s.made.Banks, " and "))
	alice, err := s.login(ctx, 0)
	if err != nil {
		return err
	}
	defer alice.conn.Close()
	bob, err := s.login(ctx, 1)
	if err != nil {
		return err
	}
	defer bob.conn.Close()
	s.say("alice (%s) and bob (%s) have logged in, with 100.00 %s each", alice.account(), bob.account(), alice.Currency)
	for _, scene := range []func(context.Context, *user, *user) error{s.once, s.crash, s.offline} {
		if err := scene(ctx, alice, bob); err != nil {
			return err
		}
	}
	return s.audit(ctx, 3)
}

func (s *stage) once(ctx context.Context, alice, bob *user) error {
	s.pay(ctx, alice, bob.account(), "rent", 1250)
	s.pay(ctx, alice, bob.account(), "rent", 1250)
	s.explain("The same key again is the same payment: the stored answer comes back, and no money moves.")
	s.pay(ctx, alice, bob.account(), "yacht", 99_999_00)
	s.explain("A bank that says no for want of funds is final: the key stays declined, also when funds come later.")
	left, err := s.balance(ctx, alice)
	return errors.Join(err, expect("alice's balance", left, 8750))
}

func (s *stage) crash(ctx context.Context, alice, bob *user) error {
	if err := s.reopen(ctx, "--failpoint", failpoint.AfterCommit+":1"); err != nil {
		return err
	}
	s.say("the gateway is set to die in its next payment: its decision is on disk, and nobody was told")
	dying, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	s.pay(dying, alice, bob.account(), "gift", 2000)
	s.explain("Alice does not know. Both banks have promised, hold the money, and ask for the outcome: they must not decide alone.")
	if err := s.open(ctx); err != nil {
		return err
	}
	s.say("the gateway is back, has read its journal, and tells the banks")
	if status := s.pay(ctx, alice, bob.account(), "gift", 2000); !strings.HasPrefix(status, "replayed: ") {
		return fmt.Errorf("the demo went wrong: the retry was answered by %q, want the stored answer", status)
	}
	s.explain("The decision and the answer to the key are one record: the retry finds what was decided before the crash.")
	left, err := s.balance(ctx, alice)
	return errors.Join(err, expect("alice's balance", left, 6750))
}

// offline has a payment wait in alice's queue.
func (s *stage) offline(ctx context.Context, alice, bob *user) error {
	if err := s.gateway.Kill(); err != nil {
		return err
	}
	s.say("the gateway was killed")
	told := make(chan outbox.Notice, 1)
	home := s.dir.Client(alice.User)
	q, err := wallet.Open(wallet.Options{
		Dir: home, User: alice.User, Gateway: &wallet.Sender{ClientConn: alice.conn, Home: home},
		Notify: func(n outbox.Notice) { told <- n },
		Login:  func(ctx context.Context) { wallet.AwaitSession(ctx, home, alice.session) },
	})
	if err != nil {
		return err
	}
	defer q.Close()
	payment := outbox.Payment{Key: "lunch", From: alice.account(), To: bob.account(), Minor: 950, Currency: alice.Currency}
	if _, err := q.Keep(ctx, payment); err != nil {
		return err
	}
	s.say("alice pays 9.50: queued on her disk, durable before she is told")
	if err := s.open(ctx); err != nil {
		return err
	}
	s.say("the gateway is back")
	select {
	case n := <-told:
		s.say("alice's client was told, without asking: %s, %s", n.Result.Outcome, n.Payment.Key)
	case <-time.After(callTimeout):
		return errors.New("the demo went wrong: the queue was not drained")
	}
	left, err := s.balance(ctx, alice)
	return errors.Join(err, expect("alice's balance", left, 5800))
}

// audit ends everything and reads the journals.
func (s *stage) audit(ctx context.Context, paid int) error {
	stopErr := errors.Join(s.gateway.Stop(ctx), systems.StopAll(ctx, s.banks...))
	b, err := books.Read(s.dir)
	if err = errors.Join(stopErr, err); err != nil {
		return err
	}
	verdict := check.Judge(b.Evidence)
	s.say("all journals: %d payments paid, %d declined, by %d lives of the gateway; the invariants are %s", b.Count(coordinator.Paid),
		b.Count(coordinator.Declined), b.Starts(), verdict.Status)
	for _, reason := range verdict.Reasons() {
		s.say("DAMAGE: %s", reason)
	}
	if verdict.Status != record.Valid {
		return errors.New("the demo went wrong: the journals do not hold what they must")
	}
	return expect("the number of payments", int64(b.Count(coordinator.Paid)), int64(paid))
}

// round bounds a part of a soak: each has a deployment of its own, whose
// journals and calls are judged whole, so that a soak of any length needs the
// memory of one round.
const round = 30 * time.Second

// What a round is made of.
const (
	soakUsers  = "16"
	soakBanks  = "3"
	killEvery  = "500ms" // mean time from one server's return to the kill of the next
	soakWarmup = 200 * time.Millisecond
)

// totals are what a soak has come to.
type totals struct {
	rounds, kills, damage int
	paid, starts          float64
	slowest               float64 // ms from the last restart until nothing was in doubt
}

// soak pays for so long while servers are killed at random.
func soak(ctx context.Context, sh systems.Shell, length time.Duration, seed uint64, knobs systems.Knobs) error {
	var t totals
	began := time.Now()
	for time.Since(began) < length && ctx.Err() == nil {
		part := min(round, max(2*time.Second, length-time.Since(began)))
		if err := t.play(ctx, sh, part, seed+uint64(t.rounds), knobs); err != nil {
			return fmt.Errorf("round %d, seed %d: %w", t.rounds, seed+uint64(t.rounds)-1, err)
		}
		fmt.Fprintf(sh.Out, "%v: %d rounds: %.0f payments, %d kills, %.0f lives of the gateway; damage %d; "+
			"nothing in doubt at most %.0f ms after the last restart\n",
			time.Since(began).Round(time.Second), t.rounds, t.paid, t.kills, t.starts, t.damage, t.slowest)
	}
	if t.damage > 0 {
		return errors.New("the journals do not hold what they must")
	}
	return ctx.Err()
}

// play plays one round.
func (t *totals) play(ctx context.Context, sh systems.Shell, length time.Duration, seed uint64, knobs systems.Knobs) (err error) {
	set := systems.Setting{Seed: seed, Load: record.Load{Loop: "closed"}, Warmup: soakWarmup, Length: length}
	ctx, bench, closeBench, err := sh.Bench(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBench()) }()
	v, err := knobs.Resolve(map[string]string{
		"banks": soakBanks, "clients": soakUsers, "retry": "on", "attempt": "1s", "overdraw": "0.02", "kill-every": killEvery,
	})
	if err != nil {
		return err
	}
	t.rounds++
	o, err := trial.Run(ctx, quiet{bench}, v)
	if err != nil {
		return err
	}
	t.kills += int(o.Scalars["deaths"])
	t.paid += o.Scalars["paid"]
	t.starts += o.Scalars["gateway_starts"]
	t.slowest = max(t.slowest, o.Scalars["settle_ms"])
	for _, c := range o.Verdict.Checks {
		if c.Status == record.Invalid {
			t.damage++
			fmt.Fprintf(sh.Out, "DAMAGE in the round with seed %d: %s: %s\n", seed, c.Name, c.Detail)
		}
	}
	return nil
}

// quiet is a bench that does not tell of each kill.
type quiet struct{ systems.Bench }

func (quiet) Logf(string, ...any) {}
