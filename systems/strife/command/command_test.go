package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/command"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// town is a deployment with a fake gateway.
type town struct {
	t    *testing.T
	dir  string
	fake *fakeGateway
	stop func()
}

func newTown(t *testing.T) *town {
	d := &town{t: t, dir: t.TempDir(), fake: &fakeGateway{balance: 10_000, done: map[string]*strifev1.Payment{}}}
	cheap := security.Params{Memory: 64, Time: 1, Lanes: 1}
	if _, err := site.Dir(d.dir).Init(site.Plan{Banks: 2, Users: 2, Hashing: cheap}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "password"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	t.Cleanup(func() { d.stop() })
	return d
}

// start starts the gateway at an address of its own.
func (d *town) start() {
	s := site.Dir(d.dir)
	config, err := rpc.LoadIdentity(s.Keys(), security.TheGateway.Identity())
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- rpc.Serve(ctx, rpc.Options{TLS: config, Grace: time.Millisecond, Ready: func(addr string) { ready <- addr }},
			func(r grpc.ServiceRegistrar) { strifev1.RegisterGatewayServiceServer(r, d.fake) })
	}()
	select {
	case addr := <-ready:
		if err := s.Publish(security.TheGateway, addr); err != nil {
			d.t.Fatal(err)
		}
	case err := <-done:
		d.t.Fatal(err)
	}
	d.stop = func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
		d.stop = func() {}
	}
}

// run runs a command line; the exit code is that of the CLI.
func (d *town) run(line string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = d.shell(context.Background(), line, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func (d *town) shell(ctx context.Context, line string, in io.Reader, out, errOut io.Writer) int {
	args := strings.Fields(line)
	for _, c := range command.All() {
		if c.Name != args[0] {
			continue
		}
		fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
		run := c.Setup(fs)
		rest := args[1:]
		var positional []string
		for len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			positional, rest = append(positional, rest[0]), rest[1:]
		}
		if err := fs.Parse(append([]string{"--dir", d.dir, "--user", "alice"}, rest...)); err != nil {
			d.t.Fatal(err)
		}
		err := run(ctx, systems.Shell{Args: positional, In: in, Out: out, Err: errOut})
		own, ok := errors.AsType[*systems.ExitError](err)
		switch {
		case err == nil:
			return 0
		case ok:
			return own.Code
		case systems.IsUsage(err):
			io.WriteString(errOut, err.Error())
			return 2
		}
		io.WriteString(errOut, err.Error())
		return 1
	}
	d.t.Fatalf("there is no command %s", args[0])
	return -1
}

func (d *town) login() {
	d.t.Helper()
	if code, _, errOut := d.run("login --password-file " + filepath.Join(d.dir, "password")); code != 0 {
		d.t.Fatalf("login: %s", errOut)
	}
}

type paid struct {
	Status, Key, Payment, Amount, Reason string
	Replayed                             bool
}

// pay pays and reads the JSON.
func (d *town) pay(flags string, wantCode int) (p paid) {
	d.t.Helper()
	code, out, errOut := d.run("pay --json " + flags)
	if code != wantCode {
		d.t.Errorf("pay %s: exit code %d, want %d: %s%s", flags, code, wantCode, out, errOut)
	}
	if out != "" {
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			d.t.Errorf("pay %s: %v in %q", flags, err, out)
		}
	}
	return p
}

func TestPay(t *testing.T) {
	d := newTown(t)
	if code, _, says := d.run("pay --to beta/1001 --amount 1"); code != 1 || !strings.Contains(says, "a login is needed: dyno strife login --dir "+d.dir) {
		t.Errorf("without a login: %d, %s", code, says)
	}
	d.login()
	p := d.pay("--to beta/1001 --amount 12.5 --key k1", 0)
	if p.Status != "paid" || p.Amount != "12.50" || p.Payment == "" || p.Key != "k1" || p.Replayed {
		t.Errorf("%+v", p)
	}
	if p := d.pay("--to beta/1001 --amount 12.50 --key k1", 0); !p.Replayed || p.Status != "paid" {
		t.Errorf("again: %+v", p)
	}
	for flags, want := range map[string]struct {
		code   int
		status string
	}{
		"--to beta/1001 --amount 13 --key k1":              {1, "refused"},
		"--to beta/1001 --amount 1000 --key k2":            {3, "declined"},
		"--to beta/nobody --amount 1":                      {1, "refused"},
		"--to beta/1001 --amount 13 --key k1 --no-queue":   {1, "refused"},
		"--to beta/1001 --amount 1000 --key k2 --no-queue": {3, "declined"},
		"--to beta/1001 --amount -1":                       {2, ""},
		"--to beta/1001 --amount 0":                        {2, ""},
		"--to beta/1001 --amount 1e3":                      {2, ""},
		"--to beta/1001 --amount 1.234":                    {2, ""},
		"--to beta --amount 1":                             {2, ""},
		"--amount 1":                                       {2, ""},
		"--to beta/1001 --amount 1":                        {0, "paid"},
	} {
		if p := d.pay(flags, want.code); p.Status != want.status {
			t.Errorf("pay %s: %+v", flags, p)
		}
	}
	d.fake.away = true
	for _, flags := range []string{"--to beta/1001 --amount 1 --key k3", "--to beta/1001 --amount 1 --key k3 --no-queue"} {
		if p := d.pay(flags, 5); p.Status != "aborted" {
			t.Errorf("%s with a bank away: %+v", flags, p)
		}
	}
	if code, out, _ := d.run("queue"); code != 0 || !strings.Contains(out, "0 in the queue") {
		t.Errorf("the queue: %s", out)
	}
}

func TestOffline(t *testing.T) {
	d := newTown(t)
	d.login()
	d.stop()
	if p := d.pay("--to beta/1001 --amount 1 --no-queue", 5); p.Status != "unknown" {
		t.Errorf("%+v", p)
	}
	for range 2 { // paying again under a key that is queued is that same payment
		if p := d.pay("--to beta/1001 --amount 1 --key k1", 4); p.Status != "queued" {
			t.Errorf("%+v", p)
		}
	}
	if p := d.pay("--to beta/1001 --amount 2 --key k1", 1); !strings.Contains(p.Reason, "another payment has this key") {
		t.Errorf("%+v", p)
	}
	d.pay("--to beta/1001 --amount 2 --key k2", 4)
	if code, out, _ := d.run("status --key k1"); code != 4 && !strings.Contains(out, "queued") {
		t.Errorf("status: %d, %s", code, out)
	}
	if code, out, errOut := d.run("cancel --key k2"); code != 0 || !strings.Contains(out, "cancelled") {
		t.Errorf("cancel: %d, %s%s", code, out, errOut)
	}
	if code, _, says := d.run("balance"); code != 1 || !strings.Contains(says, "cannot be reached") || !strings.Contains(says, "strife gateway --dir") {
		t.Errorf("balance: %s", says)
	}
	out, in := &safeBuffer{changed: make(chan struct{}, 1)}, "\n"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- d.shell(ctx, "client --json", strings.NewReader(in), out, io.Discard) }()
	d.pay("--to beta/1001 --amount 3 --key k3", 4) // taken by the running client, or before it runs
	d.start()
	for !strings.Contains(out.String(), `"status":"paid","key":"k1"`) || !strings.Contains(out.String(), `"status":"paid","key":"k3"`) {
		<-out.changed
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("the client ended with %d", code)
	}
	if d.fake.done["k2"] != nil || d.fake.balance != 10_000-400 {
		t.Errorf("paid: %v, left %d", d.fake.done, d.fake.balance)
	}
}

// A client takes lines, and ends once their payments have.
func TestClientLines(t *testing.T) {
	d := newTown(t)
	d.login()
	var out bytes.Buffer
	text := "pay beta/1001 1.50 k1\nbalance\nqueue\nwhoami\nhistory\nstatus k1\npay beta/1001\n"
	if code := d.shell(t.Context(), "client", strings.NewReader(text), &out, io.Discard); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"queued: 1.50 to beta/1001", "paid: 1.50 to beta/1001; key k1", "alpha/1001: balance", "customer", "want pay BANK/ACCOUNT"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestSession(t *testing.T) {
	d := newTown(t)
	if err := os.WriteFile(filepath.Join(d.dir, "wrong"), []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, says := d.run("login --password-file " + filepath.Join(d.dir, "wrong")); code != 1 || !strings.Contains(says, "password is wrong") ||
		strings.Contains(says, "login is needed") {
		t.Errorf("a wrong password: %s", says)
	}
	if code, _, _ := d.run("login"); code != 2 {
		t.Error("a password is asked for without a terminal")
	}
	d.login()
	d.fake.token = "another" // the session has expired
	if p := d.pay("--to beta/1001 --amount 1 --key k1", 1); p.Status != "refused" || !strings.Contains(p.Reason, "a login is needed: dyno strife login") {
		t.Errorf("%+v", p)
	}
	d.login()
	if code, out, _ := d.run("whoami --json"); code != 0 || !strings.Contains(out, `"role":"customer"`) {
		t.Errorf("whoami: %s", out)
	}
	for _, c := range []string{"balance", "history", "logout"} {
		if code, out, errOut := d.run(c + " --json"); code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%s: %d, %s%s", c, code, out, errOut)
		}
	}
	if code, _, says := d.run("balance"); code != 1 || !strings.Contains(says, "login is needed") {
		t.Errorf("after the logout: %s", says)
	}
}
