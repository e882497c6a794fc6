package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/internal/role"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby"
	"dyno/systems/standby/client"
	"dyno/systems/standby/cluster"
	"dyno/systems/standby/config"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(standby.System)) }

// What a busy machine is given: nothing here is about speed.
const (
	lease    = 300 * time.Millisecond
	patience = 60 * time.Second
)

// world is a cluster under test, and a bank in front of it.
type world struct {
	*testing.T
	*cluster.Cluster
	bank *client.Bank
}

func start(t *testing.T, o cluster.Options, stream bool) *world {
	t.Helper()
	_, g, err := process.NewGroup(t.Context(), process.Options{System: standby.System, Dir: t.TempDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if o.Lease == 0 {
		o.Lease = lease
	}
	c, err := cluster.Start(t.Context(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, Cluster: c}
	w.bank, err = client.Dial(client.Options{Hosts: c.Hosts, File: c.Config, Bound: patience, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.bank.Close)
	return w
}

// opening are n accounts, called 1, 2, 3 and so on, with a balance each.
func opening(n int, balance int64) map[string]int64 {
	out := make(map[string]int64, n)
	for i := range n {
		out[fmt.Sprint(i+1)] = balance
	}
	return out
}

// await looks at both servers until a condition holds of the primary and the
// other one, and returns which is which.
func (w *world) await(what string, ok func(primary, other *standbyv1.StatusResponse) bool) (primary, other systems.Process) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for {
		both := w.bank.Status(ctx)
		for i := range both {
			if p := both[i].Status; p.GetRole() == standbyv1.Role_ROLE_PRIMARY && ok(p, both[1-i].Status) {
				return w.Servers[i], w.Servers[1-i]
			}
		}
		if ctx.Err() != nil {
			w.Fatalf("it does not come to pass that %s: %v, %v", what, both[0], both[1])
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
}

func (w *world) awaitPair() (primary, other systems.Process) {
	w.Helper()
	return w.await("the standby follows", func(p, q *standbyv1.StatusResponse) bool {
		return !p.GetAlone() && q.GetRole() == standbyv1.Role_ROLE_STANDBY
	})
}

// awaitEqual waits until both servers have the same log, and returns its length.
func (w *world) awaitEqual() (action uint64) {
	w.Helper()
	w.await("both logs are equal", func(p, q *standbyv1.StatusResponse) bool {
		action = p.GetAction()
		return q.GetRole() == standbyv1.Role_ROLE_STANDBY && action == q.GetAction() && p.GetChecksum() == q.GetChecksum()
	})
	return action
}

func (w *world) mustBalance(s *client.Session, account string, want int64) {
	w.Helper()
	if got, err := s.Balance(w.Context(), account); err != nil || got != want {
		w.Errorf("account %s holds %d, %v; want %d", account, got, err, want)
	}
}

// load has n clients deposit 1, 2, 3 and so on, on an account of their own each,
// and calls when a third of it is done. Every answer must be the sum so far.
func (w *world) load(n int, each int64, disaster func()) {
	w.Helper()
	var all sync.WaitGroup
	third := make(chan struct{}, n)
	for i := range n {
		all.Go(func() {
			s := w.bank.Session()
			account, sum := fmt.Sprint(i+1), int64(100)
			for amount := int64(1); amount <= each; amount++ {
				sum += amount
				if got, err := s.Deposit(w.Context(), account, amount); err != nil || got != sum {
					w.Errorf("account %s, deposit of %d: %d, %v; want %d", account, amount, got, err, sum)
					break
				}
				if amount == each/3 {
					third <- struct{}{}
				}
			}
		})
	}
	<-third
	disaster()
	all.Wait()
}

// A kill -9 of the primary under 32 clients on accounts of their own, of 5,000:
// every answer is right, every account holds what was acknowledged, not a unit
// more, and the old primary comes back as standby, with the same log.
func TestKillPrimaryUnder32Clients(t *testing.T) {
	for name, stream := range map[string]bool{"unary": false, "stream": true} {
		t.Run(name, func(t *testing.T) {
			const clients, each, accounts = 32, 60, 5000
			w := start(t, cluster.Options{Accounts: opening(accounts, 100), Witness: true}, stream)
			old, _ := w.awaitPair()
			w.load(clients, each, func() { w.killAndRestart(old) })
			if action := w.awaitEqual(); action != clients*each {
				t.Errorf("%d actions are in the log, want %d", action, clients*each)
			}
			s := w.bank.Session()
			for i := range clients {
				w.mustBalance(s, fmt.Sprint(i+1), 100+each*(each+1)/2)
			}
			w.mustBalance(s, fmt.Sprint(accounts), 100)
			w.checkFiles(clients, each, accounts)
		})
	}
}

// killAndRestart kills the primary, and starts it again when the other one has
// taken over. That may not if the primary had just found itself alone, on a busy
// machine, and might have acknowledged what only it has.
func (w *world) killAndRestart(old systems.Process) {
	w.Helper()
	if err := old.Kill(); err != nil {
		w.Error(err)
	}
	ctx, cancel := context.WithTimeout(w.Context(), 10*lease)
	defer cancel()
	for over := false; !over && ctx.Err() == nil; {
		for _, s := range w.bank.Status(ctx) {
			over = over || s.Status.GetRole() == standbyv1.Role_ROLE_PRIMARY
		}
	}
	if err := old.Restart(w.Context()); err != nil {
		w.Error(err)
	}
}

// checkFiles stops both servers, who leave the accounts in their files: all of
// them, though they are far more than the 4 KB at which the hand-out's own
// server cut a checkpoint.
func (w *world) checkFiles(clients, each, accounts int) {
	w.Helper()
	for i, p := range w.Servers {
		if err := p.Stop(w.Context()); err != nil {
			w.Error(err)
		}
		got, err := config.ReadAccounts(w.Files[i])
		if err != nil || len(got) != accounts {
			w.Errorf("%s leaves %d accounts: %v", p.Name(), len(got), err)
		}
		for a := range accounts {
			want := int64(100)
			if a < clients {
				want += int64(each * (each + 1) / 2)
			}
			if id := fmt.Sprint(a + 1); got[id] != want {
				w.Errorf("%s leaves %d on account %s, want %d", p.Name(), got[id], id, want)
				break
			}
		}
	}
}

// A primary that is stopped by SIGSTOP for longer than its lease, and goes on:
// nothing that anybody was told is lost, and it finds itself the standby.
func TestPausedPrimary(t *testing.T) {
	const clients, each = 32, 60
	w := start(t, cluster.Options{Accounts: opening(clients, 100), Witness: true}, false)
	old, _ := w.awaitPair()
	w.load(clients, each, func() {
		if err := old.Pause(); err != nil {
			t.Error(err)
		}
		w.await("the other server takes over", func(p, _ *standbyv1.StatusResponse) bool { return p.GetName() != old.Name() })
		if err := old.Resume(); err != nil {
			t.Error(err)
		}
	})
	if action := w.awaitEqual(); action != clients*each {
		t.Errorf("%d actions are in the log, want %d", action, clients*each)
	}
}

// The hand-out's own server began again with action id 0 after every start, so
// that clients that had seen more were turned away for ever.
func TestCourseFaultActionIDNotPersisted(t *testing.T) {
	w := start(t, cluster.Options{Accounts: opening(3, 100), Witness: true}, false)
	primary, other := w.awaitPair()
	s := w.bank.Session()
	for n := range int64(5) {
		if _, err := s.Deposit(t.Context(), "1", n); err != nil {
			t.Fatal(err)
		}
	}
	_, before := s.Seen()
	for _, p := range []systems.Process{other, primary} {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []systems.Process{primary, other} {
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.mustBalance(s, "1", 110)
	if got, err := s.Deposit(t.Context(), "1", 1); err != nil || got != 111 {
		t.Errorf("%d, %v", got, err)
	}
	if _, after := s.Seen(); before != 5 || after != 6 {
		t.Errorf("action id %d before both were killed, %d after one more action", before, after)
	}
}

// The hand-out's own story: on both machines serverhost.config names this server
// s1 and the other one s2, there is no --name and no witness, and the account
// file is its JSON object. A user at the menu withdraws, the primary is killed,
// the user withdraws again and notices nothing.
func TestCourseStory(t *testing.T) {
	_, g, err := process.NewGroup(t.Context(), process.Options{System: standby.System, Dir: t.TempDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	dir := t.TempDir()
	addrs, servers := [2]string{freeAddress(t), freeAddress(t)}, map[string]systems.Process{}
	config := func(n int) string {
		return write(t, dir, fmt.Sprintf("machine%d-serverhost.config", n), fmt.Sprintf(`{"s1":%q, "s2":%q}`, addrs[n], addrs[1-n]))
	}
	hosts := config(0)
	for n, addr := range addrs {
		p, err := g.Start(t.Context(), systems.Launch{Role: "server", Name: fmt.Sprintf("machine%d", n), Expendable: true, Args: []string{
			"--config", config(n), "--accounts", write(t, dir, fmt.Sprintf("machine%d-accounts", n), "{‘acct1’:100,’acct2’:200}"),
			"--listen", addr, "--lease", lease.String(),
		}})
		if err != nil {
			t.Fatal(err)
		}
		servers[addr] = p
	}
	in, typing := io.Pipe()
	screen, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- role.Main(standby.System)(t.Context(), []string{"standby", "client", "--script", "--config", hosts, "--bound", patience.String()}, in, out, out)
	}()
	lines := bufio.NewScanner(screen)
	withdraw := func(want string) {
		t.Helper()
		go io.WriteString(typing, "2\nacct2\n50\n")
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "Current balance") {
		}
		if lines.Text() != want {
			t.Errorf("the screen shows %q, want %q", lines.Text(), want)
		}
	}
	withdraw("Current balance: 150")
	bank, err := client.Dial(client.Options{Hosts: standbyHosts(addrs)})
	if err != nil {
		t.Fatal(err)
	}
	defer bank.Close()
	w := &world{T: t, Cluster: &cluster.Cluster{Servers: [2]systems.Process{servers[addrs[0]], servers[addrs[1]]}}, bank: bank}
	primary, _ := w.awaitPair()
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	withdraw("Current balance: 100")
	go io.WriteString(typing, "4\n")
	go io.Copy(io.Discard, screen)
	if code := <-ended; code != 0 {
		t.Errorf("exit %d", code)
	}
}

func standbyHosts(addrs [2]string) config.Hosts { return config.Hosts{S1: addrs[0], S2: addrs[1]} }

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// freeAddress is one that nobody else takes before it is used, where loopback
// has more than one.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(256), 1+rand.IntN(250)))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// In async mode, when the primary is gone with what it had not shipped, a client
// that has seen more than is left is told so, or nothing was lost; it is never
// served an older state silently.
func TestAsyncLosesNothingSilently(t *testing.T) {
	const clients = 16
	w := start(t, cluster.Options{Accounts: opening(clients, 0), Witness: true, Async: true}, true)
	old, _ := w.awaitPair()
	var all sync.WaitGroup
	sums, sessions := make([]int64, clients), make([]*client.Session, clients)
	ctx, stop := context.WithCancel(t.Context())
	for i := range clients {
		sessions[i] = w.bank.Session()
		all.Go(func() {
			for ctx.Err() == nil {
				got, err := sessions[i].Deposit(ctx, fmt.Sprint(i+1), 1)
				if err != nil {
					return
				}
				sums[i] = got
			}
		})
	}
	time.Sleep(100 * time.Millisecond) // of load
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	w.await("the other server takes over", func(p, _ *standbyv1.StatusResponse) bool { return p.GetName() != old.Name() })
	stop()
	all.Wait()
	for i, s := range sessions {
		got, err := s.Balance(t.Context(), fmt.Sprint(i+1))
		if _, lost := errors.AsType[*client.LostError](err); lost {
			t.Logf("client %d: %v", i, err)
			continue
		}
		if err != nil || got < sums[i] {
			t.Errorf("account %d holds %d, %v; %d were acknowledged", i+1, got, err, sums[i])
		}
	}
}
