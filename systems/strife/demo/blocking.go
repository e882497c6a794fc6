package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/backoff"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
)

// window is how long the gateway stays away for the audience to look.
const window = 2 * time.Second

// blocking shows the window in which a bank can decide neither way, and what
// goes on meanwhile. While the gateway is dead, the demo asks the banks with its
// certificate.
func (s *stage) blocking(ctx context.Context) error {
	alice, err := s.login(ctx, 0)
	if err != nil {
		return err
	}
	defer alice.conn.Close()
	if err := s.reopen(ctx, "--failpoint", failpoint.BeforeCommit+":1"); err != nil {
		return err
	}
	s.say("alice has 100.00 at %s; the gateway is set to die when all banks have voted yes, and before it has written its decision",
		alice.account())
	dying, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	s.pay(dying, alice, s.made.Users[1].Bank+"/"+s.made.Users[1].Account, "rent", 4000)
	s.explain("Both banks have promised. Neither may commit, since the gateway may have aborted; nor abort, since it may have committed;\n" +
		"and to ask each other does not help: both are in doubt. This is the blocking window of two-phase commit.")
	bank, err := s.askBank(alice.Bank)
	if err != nil {
		return err
	}
	defer bank.conn.Close()
	doubted, err := s.look(ctx, bank, alice)
	if err != nil {
		return err
	}
	if err := s.banks[0].Kill(); err != nil {
		return err
	}
	if err := s.banks[0].Restart(ctx); err != nil {
		return err
	}
	s.say("bank %s was killed and is back", alice.Bank)
	if _, err := s.look(ctx, bank, alice); err != nil {
		return err
	}
	s.explain("The promise is on its disk: a crash does not break it.")
	if err := s.others(ctx, bank, alice); err != nil {
		return err
	}
	if err := backoff.Sleep(ctx, time.Until(doubted.Add(window))); err != nil {
		return err
	}
	return s.resolve(ctx, bank, alice)
}

// resolve brings the gateway back and waits until the doubt is over.
func (s *stage) resolve(ctx context.Context, bank *asked, alice *user) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	back := time.Now()
	s.say("the gateway is back: its journal has no decision of an earlier life, and that means aborted")
	for _, name := range s.made.Banks {
		if err := s.decided(ctx, name); err != nil {
			return err
		}
	}
	s.say("%.0f ms later no bank is in doubt", time.Since(back).Seconds()*1e3)
	if _, err := s.look(ctx, bank, alice); err != nil {
		return err
	}
	s.pay(ctx, alice, s.made.Users[1].Bank+"/"+s.made.Users[1].Account, "rent", 4000)
	s.explain("The same key, a new attempt: an aborted attempt is not the end of a payment.")
	return s.audit(ctx, 1)
}

// decided waits until a bank is in doubt about nothing.
func (s *stage) decided(ctx context.Context, name string) error {
	bank, err := s.askBank(name)
	if err != nil {
		return err
	}
	defer bank.conn.Close()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		r, err := bank.client.ListDoubts(ctx, &strifev1.ListDoubtsRequest{Bank: name}, grpc.WaitForReady(true))
		if err == nil && len(r.GetDoubts()) == 0 {
			return nil
		}
		if backoff.Sleep(ctx, 5*time.Millisecond) != nil {
			return errors.Join(fmt.Errorf("the demo went wrong: bank %s is still in doubt", name), err)
		}
	}
}

// asked is a bank that is asked with the gateway's certificate.
type asked struct {
	conn   *grpc.ClientConn
	client strifev1.BankServiceClient
}

func (s *stage) askBank(name string) (*asked, error) {
	conn, err := s.dir.Dialer(security.TheGateway, "").Dial(security.Party{Role: security.Bank, Name: name})
	if err != nil {
		return nil, err
	}
	return &asked{conn, strifev1.NewBankServiceClient(conn)}, nil
}

// look tells what a bank holds of an account; since is when it was in doubt.
func (s *stage) look(ctx context.Context, bank *asked, u *user) (since time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, err := bank.client.ListDoubts(ctx, &strifev1.ListDoubtsRequest{Bank: u.Bank}, grpc.WaitForReady(true))
	if err != nil {
		return since, err
	}
	b, err := bank.client.ReadBalance(ctx, &strifev1.ReadBalanceRequest{Bank: u.Bank, Account: u.Account})
	if err != nil {
		return since, err
	}
	since = time.Now()
	text := "nothing is in doubt"
	for _, doubt := range d.GetDoubts() {
		age := time.Duration(doubt.GetAgeMs()) * time.Millisecond
		since = since.Add(-age)
		text = fmt.Sprintf("in doubt for %.1f s", age.Seconds())
	}
	posted, held := b.GetPosted().GetMinor(), b.GetHeld().GetMinor()
	s.say("bank %s: %s; of alice's %d.%02d are held %d.%02d", u.Bank, text, posted/100, posted%100, held/100, held%100)
	return since, nil
}

// others has the bank vote on payments that have nothing to do with the one in
// doubt, and on one that has. They are aborted afterwards: no gateway has
// decided them.
func (s *stage) others(ctx context.Context, bank *asked, alice *user) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := bank.client.Exchange(ctx)
	if err != nil {
		return err
	}
	carol := s.made.Users[2]
	for i, t := range []struct {
		what    string
		account string
		minor   int64
		yes     bool
	}{
		{"10.00 from carol's account", carol.Account, 1000, true},
		{"the 60.00 of alice that are not held", alice.Account, 6000, true},
		{"70.00 of alice, of which 10.00 are held", alice.Account, 7000, false},
	} {
		id := &strifev1.TxID{Gateway: 1, Epoch: uint32(s.lives), Number: 1<<30 + uint64(i)}
		req := &strifev1.ExchangeRequest{Prepares: []*strifev1.Prepare{{Tx: id, PatienceUs: 1e6, Legs: []*strifev1.Leg{
			{Account: t.account, Amount: &strifev1.Money{Minor: -t.minor, Currency: alice.Currency}, Other: "beta/1001"},
		}, Peers: []string{"beta"}}}}
		if i == 0 {
			req.Hello = &strifev1.Hello{Bank: alice.Bank, Gateway: 1, Epoch: uint32(s.lives)}
		}
		yes, err := vote(stream, req, id)
		if err != nil {
			return err
		}
		s.say("bank %s is asked for %s: %s", alice.Bank, t.what, map[bool]string{true: "yes", false: "no"}[yes])
		if yes != t.yes {
			return errors.New("the demo went wrong: the vote should be the other one")
		}
		if err := stream.Send(&strifev1.ExchangeRequest{Decides: []*strifev1.Decide{{Tx: id}}}); err != nil {
			return err
		}
	}
	s.explain("Only the amount in doubt is blocked: not the account, and nobody else's.")
	return stream.CloseSend()
}

func vote(stream grpc.BidiStreamingClient[strifev1.ExchangeRequest, strifev1.ExchangeResponse], req *strifev1.ExchangeRequest,
	id *strifev1.TxID,
) (bool, error) {
	if err := stream.Send(req); err != nil {
		return false, err
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return false, err
		}
		for _, v := range r.GetVotes() {
			if v.GetTx().GetNumber() == id.GetNumber() {
				return v.GetYes(), nil
			}
		}
	}
}
