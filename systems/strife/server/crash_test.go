package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// crash is a server that dies at a point while alice, at alpha, pays bob, at
// beta.
type crash struct {
	point  string
	victim security.Party
	want   codes.Code // how the payment ends
	down   time.Duration
}

// away is how long a server stays down that is not started again at once: longer
// than banks have for their votes.
const away = time.Second

// soaking reports whether there is time for all cases, not only a few of them.
func soaking() bool { return os.Getenv("DYNO_SOAK") != "" }

func crashes() (all []crash) {
	for _, point := range failpoint.All {
		switch {
		case point == failpoint.Recovering: // has a test of its own
		case point == failpoint.AfterDecline:
			all = append(all, crash{point, security.TheGateway, codes.FailedPrecondition, 0})
		case point == failpoint.AfterAbort:
			all = append(all, crash{point, alpha, codes.NotFound, 0})
		case strings.HasPrefix(point, "gateway"):
			all = append(all, crash{point, security.TheGateway, codes.OK, 0})
		default: // one bank pays and one is paid: each has its turn, and both when there is time
			victims := []security.Party{alpha, beta}
			if !soaking() {
				victims = victims[len(all)%2:][:1]
			}
			for _, v := range victims {
				all = append(all, crash{point, v, codes.OK, 0})
			}
		}
	}
	for _, c := range slices.Clone(all) {
		if soaking() || c.point == failpoint.AfterCommit {
			c.down = away
			all = append(all, c)
		}
	}
	return all
}

const opening = 1000 // cents of each account

// Each server is killed at each point, for real; started again, the payment has
// happened once or not at all, whatever the client did meanwhile.
func TestKilledAtEachPoint(t *testing.T) {
	for _, c := range crashes() {
		t.Run(fmt.Sprintf("%s %s %v", c.point, c.victim.Identity(), c.down), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
			for _, p := range w.parties() {
				fail := ""
				if p == c.victim {
					fail = c.point + ":1"
				}
				w.spawn(p, fail, "--prepare-timeout", "300ms")
			}
			alice, bob := w.login(0), w.login(1)
			to, cents := bob.made, int64(10)
			switch c.want {
			case codes.NotFound:
				to.Account = "nowhere"
			case codes.FailedPrecondition:
				cents = opening + 5
			}
			first := persist(t, w, c, alice, to, cents)
			wants(t, "the payment", first.err, c.want)
			moved := int64(0)
			if c.want == codes.OK {
				moved = cents
			}
			if c.want == codes.FailedPrecondition { // money that comes later changes nothing
				if _, err := bob.pay(within(t), "more", alice.made, 100, grpc.WaitForReady(true)); err != nil {
					t.Fatal(err)
				}
				moved = -100
			}
			again := attempt(alice, to, cents)
			if status.Code(again.err) != c.want || again.payment.GetId() != first.payment.GetId() {
				t.Errorf("first %v, %v; then %v, %v", first.payment, first.err, again.payment, again.err)
			}
			settles(t, alice, opening-moved)
			settles(t, bob, opening+moved)
		})
	}
}

// answer is what came of an attempt.
type answer struct {
	payment *v1.Payment
	err     error
}

func (a answer) final() bool {
	switch status.Code(a.err) {
	case codes.OK, codes.FailedPrecondition, codes.NotFound, codes.InvalidArgument:
		return true
	}
	return false
}

func attempt(c *customer, to site.MadeUser, cents int64) answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := c.pay(ctx, "key", to, cents, grpc.WaitForReady(true))
	return answer{p, err}
}

// persist pays until the answer is final, and starts the victim again when it
// has died: it always does.
func persist(t *testing.T, w *world, c crash, payer *customer, to site.MadeUser, cents int64) (a answer) {
	answers := make(chan answer, 1)
	go func() { answers <- insist(t, payer, to, cents) }()
	w.dies(c.victim)
	time.Sleep(c.down) // this is the fault, and no wait for anything
	w.spawn(c.victim, "", "--prepare-timeout", "300ms")
	return <-answers
}

// insist pays under one key until the answer is final.
func insist(t *testing.T, payer *customer, to site.MadeUser, cents int64) answer {
	ctx := within(t)
	for {
		p, err := payer.pay(ctx, "key", to, cents, grpc.WaitForReady(true))
		if a := (answer{p, err}); a.final() || ctx.Err() != nil {
			return a
		}
	}
}

// settles waits until nothing of a user's money is held any more, and looks at
// how much there is.
func settles(t *testing.T, c *customer, want int64) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		resp, err := c.GetBalance(c.context(ctx), &v1.GetBalanceRequest{}, grpc.WaitForReady(true))
		cancel()
		if err == nil && resp.GetAvailable().GetMinor() == resp.GetBalance().GetMinor() {
			if got := resp.GetBalance().GetMinor(); got != want {
				t.Errorf("%s has %d cents, want %d", c.made.User, got, want)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s's money is still held: %v, %v", c.made.User, resp, err)
		}
		time.Sleep(10 * time.Millisecond) // between questions, not in place of an answer
	}
}

// A gateway that dies again and again while it recovers loses nothing, and each
// life has an epoch of its own.
func TestKilledWhileRecovering(t *testing.T) {
	t.Parallel()
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
	for _, p := range w.parties() {
		w.spawn(p, "")
	}
	alice, bob := w.login(0), w.made.Users[1]
	before, err := alice.pay(within(t), "before", bob, 1, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	w.stop(security.TheGateway)
	for range 3 {
		if err := w.trySpawn(security.TheGateway, failpoint.Recovering+":2"); err == nil {
			t.Fatal("it did not die")
		}
	}
	w.spawn(security.TheGateway, "")
	again, err := alice.pay(within(t), "before", bob, 1, grpc.WaitForReady(true))
	if err != nil || again.GetId() != before.GetId() {
		t.Errorf("%v, %v; want %v", again, err, before)
	}
	var after *v1.Payment
	for after == nil { // its banks may not be back yet
		if after, err = alice.pay(within(t), "after", bob, 1, grpc.WaitForReady(true)); err != nil && (answer{err: err}).final() {
			t.Fatal(err)
		}
	}
	if epoch(after) <= epoch(before) {
		t.Errorf("payment %s follows %s", after.GetId(), before.GetId())
	}
	settles(t, alice, opening-2)
}

func epoch(p *v1.Payment) string { return strings.Split(p.GetId(), ".")[1] }

// A server opens its own journal and no other, and none that has been changed.
func TestForeignAndDamagedJournals(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true}).start()
	alice := w.login(0)
	if _, err := alice.pay(within(t), "k", w.made.Users[1], 1); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.parties() {
		w.stop(p)
	}
	if err := os.CopyFS(w.dir.Journal(alpha)+".kept", os.DirFS(w.dir.Journal(alpha))); err != nil {
		t.Fatal(err)
	}
	flip(t, w.dir.Journal(alpha))
	err := w.trySpawn(alpha, "")
	if err == nil || !strings.Contains(err.Error(), "is damaged at byte ") {
		t.Errorf("with a flipped bit: %v; want where", err)
	}
	err = errors.Join(os.RemoveAll(w.dir.Journal(alpha)), os.CopyFS(w.dir.Journal(alpha), os.DirFS(w.dir.Journal(beta))))
	if err != nil {
		t.Fatal(err)
	}
	err = w.trySpawn(alpha, "")
	if err == nil || !strings.Contains(err.Error(), "bank/beta") {
		t.Errorf("with the journal of another bank: %v; want whose it is", err)
	}
	err = errors.Join(os.RemoveAll(w.dir.Journal(alpha)), os.Rename(w.dir.Journal(alpha)+".kept", w.dir.Journal(alpha)))
	if err != nil {
		t.Fatal(err)
	}
	w.spawn(alpha, "") // the control: its own, whole, it opens
}

// flip flips a bit in the middle of what a journal holds.
func flip(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := strings.Index(string(text), "alice"); at >= 0 { // the holder, in the first records
			text[at] ^= 1
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no record was found")
}

// A gateway that has told one bank of two, and stays away, blocks nobody for
// ever: the other bank asks the one that knows. What nobody knows stays held.
func TestBanksHelpEachOther(t *testing.T) {
	t.Parallel()
	for point, paid := range map[string]bool{failpoint.CommitToOne: true, failpoint.AfterCommit: false} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
			w.host(alpha)
			w.host(beta)
			w.spawn(security.TheGateway, point+":1")
			alice, bob := w.login(0), w.made.Users[1]
			_, err := alice.pay(within(t), "key", bob, 10)
			if !paid || err != nil { // who was told "paid" was told so before any bank was
				wants(t, "the payment", err, codes.Unavailable)
			}
			w.dies(security.TheGateway)
			banks := map[string]v1.BankServiceClient{
				"alpha": v1.NewBankServiceClient(w.dial(security.TheGateway, alpha)), "beta": v1.NewBankServiceClient(w.dial(security.TheGateway, beta)),
			}
			read := func(u site.MadeUser) (posted, held int64) {
				resp, err := banks[u.Bank].ReadBalance(within(t), &v1.ReadBalanceRequest{Bank: u.Bank, Account: u.Account})
				if err != nil {
					t.Fatal(err)
				}
				return resp.GetPosted().GetMinor(), resp.GetHeld().GetMinor()
			}
			for deadline := time.Now().Add(patience); paid; time.Sleep(50 * time.Millisecond) { // between questions
				from, held := read(alice.made)
				to, _ := read(bob)
				if from == opening-10 && held == 0 && to == opening+10 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("alice has %d, of it %d held, and bob %d", from, held, to)
				}
			}
			if from, held := read(alice.made); !paid && (from != opening || held != 10) {
				t.Errorf("in doubt, alice has %d, of it %d held", from, held)
			}
			w.spawn(security.TheGateway, "") // and in the end all agree
			if p, err := alice.pay(within(t), "key", bob, 10, grpc.WaitForReady(true)); err != nil {
				t.Errorf("%v, %v", p, err)
			}
			settles(t, alice, opening-10)
		})
	}
}
