package server_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/role"
	v1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife"
	"dyno/systems/strife/bank"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/gateway"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(strife.System)) }

// patience is how long anything that must come may take on a busy machine.
const patience = 60 * time.Second

var (
	cheap = security.Params{Memory: 64, Time: 1, Lanes: 1}
	alpha = security.Party{Role: security.Bank, Name: "alpha"}
	beta  = security.Party{Role: security.Bank, Name: "beta"}
)

// world is a folder with servers that run.
type world struct {
	testing.TB
	dir  site.Dir
	made site.Made

	compact map[security.Party]int // --compact-every; 0: as it comes

	mu      sync.Mutex
	servers map[security.Party]*running
}

// running is a server, in this process or in one of its own.
type running struct {
	end  func() // asks it to stop, or kills it, and waits
	gone chan struct{}
	pid  int             // 0: in this process
	said strings.Builder // what it told, once it is gone
}

func newWorld(t testing.TB, plan site.Plan) *world {
	t.Helper()
	plan.Hashing = cheap
	w := &world{TB: t, dir: site.Dir(t.TempDir()), servers: map[security.Party]*running{}}
	var err error
	if w.made, err = w.dir.Init(plan); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for p := range w.servers {
			w.stop(p)
		}
	})
	return w
}

func (w *world) parties() []security.Party {
	var out []security.Party
	for _, b := range w.made.Banks {
		out = append(out, security.Party{Role: security.Bank, Name: b})
	}
	return append(out, security.TheGateway)
}

// start starts all servers in this process.
func (w *world) start(args ...string) *world {
	for _, p := range w.parties() {
		w.host(p, args...)
	}
	return w
}

func arguments(w *world, p security.Party, args []string) []string {
	out := []string{"--dir", string(w.dir)}
	if n := w.compact[p]; n > 0 {
		out = append(out, "--compact-every", strconv.Itoa(n))
	}
	if p.Role == security.Bank {
		return append(out, "--name", p.Name)
	}
	return append(out, args...)
}

// host runs a server in this process until it is stopped; args are for the
// gateway.
func (w *world) host(p security.Party, args ...string) {
	w.Helper()
	role := gateway.Role()
	if p.Role == security.Bank {
		role = bank.Role()
	}
	fs := flag.NewFlagSet(role.Name, flag.ContinueOnError)
	run := role.Setup(fs)
	if err := fs.Parse(arguments(w, p, args)); err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, gone := make(chan struct{}), make(chan struct{})
	var failed error
	go func() {
		defer close(gone)
		failed = run(ctx, systems.Shell{Out: io.Discard, Err: io.Discard, Ready: func(string) { close(ready) }})
	}()
	select {
	case <-ready:
	case <-gone:
		cancel()
		w.Fatalf("%v: %v", p, failed)
	}
	w.servers[p] = &running{gone: gone, end: func() {
		cancel()
		<-gone
		if failed != nil {
			w.Errorf("%v: %v", p, failed)
		}
	}}
}

// spawn runs a server in a process of its own; fail is a failpoint, or empty.
func (w *world) spawn(p security.Party, fail string, args ...string) {
	w.Helper()
	if err := w.trySpawn(p, fail, args...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) trySpawn(p security.Party, fail string, args ...string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, append([]string{"strife", string(p.Role)}, arguments(w, p, args)...)...)
	cmd.Env = append(os.Environ(), failpoint.Variable+"="+fail)
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := &running{gone: make(chan struct{}), pid: cmd.Process.Pid}
	r.end = func() {
		_ = cmd.Process.Kill() // it may be gone
		<-r.gone
	}
	lines := bufio.NewScanner(said)
	serves := false
	for !serves && lines.Scan() {
		fmt.Fprintln(&r.said, lines.Text())
		serves = strings.Contains(lines.Text(), "listens on")
	}
	go func() {
		for lines.Scan() {
			fmt.Fprintln(&r.said, lines.Text())
		}
		_ = cmd.Wait() // it was killed
		close(r.gone)
	}()
	w.mu.Lock()
	w.servers[p] = r
	w.mu.Unlock()
	if !serves {
		<-r.gone
		return fmt.Errorf("%v does not serve: %s", p, r.said.String())
	}
	return nil
}

func (w *world) server(p security.Party) *running {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[p]
}

// stop ends a server.
func (w *world) stop(p security.Party) {
	if r := w.server(p); r != nil {
		r.end()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.servers, p)
	}
}

// dies waits for a server to die of itself.
func (w *world) dies(p security.Party) {
	w.Helper()
	select {
	case <-w.server(p).gone:
	case <-time.After(patience):
		w.Fatalf("%v is still there", p)
	}
}

// dial connects as a party to another.
func (w *world) dial(own, to security.Party) *grpc.ClientConn {
	w.Helper()
	conn, err := w.dir.Dialer(own, "").Dial(to)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = conn.Close() })
	return conn
}

// customer is a user who has logged in.
type customer struct {
	v1.GatewayServiceClient
	conn  *grpc.ClientConn
	made  site.MadeUser
	token string
}

func (c *customer) context(ctx context.Context) context.Context {
	return security.WithToken(ctx, c.token)
}

func client(user string) security.Party { return security.Party{Role: security.Client, Name: user} }

func (w *world) password(user string) string {
	w.Helper()
	text, err := os.ReadFile(w.dir.Password(user))
	if err != nil {
		w.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// login logs the i-th user in.
func (w *world) login(i int) *customer {
	w.Helper()
	return w.loginAs(w.made.Users[i])
}

func (w *world) loginAs(u site.MadeUser) *customer {
	w.Helper()
	c := &customer{conn: w.dial(client(u.User), security.TheGateway), made: u}
	c.GatewayServiceClient = v1.NewGatewayServiceClient(c.conn)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := c.Login(ctx, &v1.LoginRequest{User: u.User, Password: w.password(u.User)}, grpc.WaitForReady(true))
	if err != nil {
		w.Fatal(err)
	}
	c.token = resp.GetToken()
	return c
}

// pay pays some cents to another user.
func (c *customer) pay(ctx context.Context, key string, to site.MadeUser, cents int64, opts ...grpc.CallOption) (*v1.Payment, error) {
	resp, err := c.Pay(c.context(ctx), &v1.PayRequest{
		Key: key, To: &v1.Account{Bank: to.Bank, Number: to.Account}, Amount: &v1.Money{Minor: cents, Currency: "EUR"}, Attempt: 1,
	}, opts...)
	return resp.GetPayment(), err
}
