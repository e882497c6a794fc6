package site

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dyno/systems/strife/security"
)

var cheap = security.Params{Memory: 64, Time: 1, Lanes: 1}

func made(t *testing.T, p Plan) (Dir, Made) {
	t.Helper()
	d := Dir(filepath.Join(t.TempDir(), "state"))
	p.Hashing = cheap
	m, err := d.Init(p)
	if err != nil {
		t.Fatal(err)
	}
	return d, m
}

// Nothing that init makes is for other users of the machine.
func TestInitIsPrivate(t *testing.T) {
	d, m := made(t, Plan{Banks: 2, Users: 3})
	files := 0
	err := filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := e.Info()
		if err == nil && i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, i.Mode())
		}
		if !e.IsDir() {
			files++
		}
		return err
	})
	if err != nil || files < 1+1+1+2*(1+2+4)+4 {
		t.Errorf("%d files, %v", files, err)
	}
	text, err := os.ReadFile(d.Setup())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, u := range append(m.Users, m.Admin) {
		password, err := os.ReadFile(u.PasswordFile)
		secret := strings.TrimSpace(string(password))
		if err != nil || len(secret) < 20 || seen[secret] || strings.Contains(string(text), secret) {
			t.Errorf("%s: a password of %d bytes, %v", u.User, len(secret), err)
		}
		seen[secret] = true
	}
	if _, err := d.Init(Plan{Banks: 1, Users: 1}); err == nil || !strings.Contains(err.Error(), "setup.yaml is there already") {
		t.Errorf("a folder was made twice: %v", err)
	}
}

// The seed decides what is no secret, and nothing else: no key and no password
// can be had from it. The key that signs certificates is each folder's own.
func TestHoleHardCodedSigningKey(t *testing.T) {
	d, m := made(t, Plan{Banks: 2, Users: 3, Seed: 7})
	e, n := made(t, Plan{Banks: 2, Users: 3, Seed: 7})
	for i, u := range m.Users {
		if v := n.Users[i]; u.Balance != v.Balance || u.Account != v.Account {
			t.Errorf("%+v and %+v from one seed", u, v)
		}
	}
	for _, name := range []string{d.Authority() + "/authority.key", d.Keys() + "/gateway.key", d.Password("alice"), d.Keys() + "/authority.pem"} {
		one, err1 := os.ReadFile(name)
		two, err2 := os.ReadFile(strings.Replace(name, string(d), string(e), 1))
		if err1 != nil || err2 != nil || string(one) == string(two) {
			t.Errorf("%s is the same in two folders, or is not there: %v, %v", name, err1, err2)
		}
	}
}

// A role reads its own part of setup.yaml: whatever is written elsewhere, it
// neither learns nor stumbles over it.
func TestRolesReadTheirOwnPart(t *testing.T) {
	d, m := made(t, Plan{Banks: 2, Users: 2})
	text, err := os.ReadFile(d.Setup())
	if err != nil {
		t.Fatal(err)
	}
	write := func(change func(string) string) {
		t.Helper()
		changed := change(string(text))
		if changed == string(text) {
			t.Fatal("nothing was changed")
		}
		if err := os.WriteFile(d.Setup(), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	broken := func(of string) func(string) string { // the balances of a bank
		return func(s string) string {
			before, after, _ := strings.Cut(s, of+":\n")
			return before + of + ":\n" + strings.Replace(after, "balance: ", "balance: [not an amount] #", 1)
		}
	}
	reads := func(what string, gateway, alpha, beta bool) {
		t.Helper()
		_, err := d.ReadGateway()
		_, errA := d.ReadBank("alpha")
		_, errB := d.ReadBank("beta")
		if (err == nil) != gateway || (errA == nil) != alpha || (errB == nil) != beta {
			t.Errorf("%s: gateway %v, alpha %v, beta %v", what, err, errA, errB)
		}
	}
	reads("as it is", true, true, true)
	write(broken("    alpha"))
	reads("alpha's part is broken", true, false, true)
	write(broken("    beta"))
	reads("beta's part is broken", true, true, false)
	write(func(s string) string { return strings.Replace(s, "role: customer", "role: [nobody]", 1) })
	reads("the gateway's part is broken", false, true, true)
	write(func(s string) string { return strings.Replace(s, "role: customer", "role: root", 1) })
	reads("a role that there is not", false, true, true)

	write(func(s string) string { return s + "\n" })
	g, err := d.ReadGateway()
	if err != nil || len(g.Users) != 3 || len(g.Banks) != 2 {
		t.Errorf("%+v, %v", g, err)
	}
	b, err := d.ReadBank("beta")
	if err != nil || len(b.Accounts) != 1+spares || b.Accounts[0].Holder != m.Users[1].User {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := d.ReadBank("gamma"); err == nil || !strings.Contains(err.Error(), `"gamma"`) {
		t.Errorf("a bank that there is not: %v", err)
	}
	if _, err := Dir(t.TempDir()).ReadGateway(); err == nil || !strings.Contains(err.Error(), "dyno strife init") {
		t.Errorf("a folder that was not made: %v", err)
	}
}

// Servers that start at once do not lose each other's addresses.
func TestPublish(t *testing.T) {
	d := Dir(t.TempDir())
	var all sync.WaitGroup
	for _, p := range []security.Party{
		security.TheGateway, {Role: security.Bank, Name: "alpha"}, {Role: security.Bank, Name: "beta"}, {Role: security.Bank, Name: "gamma"},
	} {
		all.Go(func() {
			if err := d.Publish(p, p.String()+":1"); err != nil {
				t.Error(err)
			}
			a, err := ReadAddresses(d.Run())
			if r, ok := a.Of(p); err != nil || !ok || r.Addr != p.String()+":1" || r.PID != os.Getpid() {
				t.Errorf("%v: %+v, %v", p, a, err)
			}
		})
	}
	all.Wait()
	if a, err := ReadAddresses(d.Run()); err != nil || a.Gateway == nil || len(a.Banks) != 3 {
		t.Errorf("%+v, %v", a, err)
	}
	if err := os.WriteFile(d.Run(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Publish(security.TheGateway, "x"); err == nil || !strings.Contains(err.Error(), "run.json") {
		t.Errorf("over what cannot be read: %v", err)
	}
}

// Without protection is only what a plan in code says, and what is written by
// hand is not believed.
func TestProtection(t *testing.T) {
	for _, p := range append([]security.Protection{""}, security.Protections...) {
		d, _ := made(t, Plan{Banks: 1, Users: 1, Protection: p})
		want := p
		if p == "" {
			want = security.Full
		}
		if got, err := d.Protection(); err != nil || got != want {
			t.Errorf("%q: %q, %v", p, got, err)
		}
	}
	d, _ := made(t, Plan{Banks: 1, Users: 1, Protection: "some"})
	if _, err := d.Protection(); err == nil {
		t.Error("a level that there is not")
	}
}

func TestEnrol(t *testing.T) {
	d, _ := made(t, Plan{Banks: 1, Users: 1})
	for _, name := range []string{"zoe", "zoe", "alice"} {
		if err := d.Enrol(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := security.ClientTLS(d.Keys(), security.Party{Role: security.Client, Name: "zoe"}, security.TheGateway); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "../gateway", "a/b", "-x", strings.Repeat("x", 65)} {
		if d.Enrol(name) == nil {
			t.Errorf("%q was certified", name)
		}
	}
}
