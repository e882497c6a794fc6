package security

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"dyno/internal/journal"
	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
)

var cheap = Params{Memory: 64, Time: 1, Lanes: 1}

func always() error { return nil }

func TestPasswords(t *testing.T) {
	if p := Recommended; p.Memory < 19<<10 || p.Time < 2 || p.Lanes != 1 {
		t.Errorf("%+v is below OWASP's minimum", p)
	}
	a, b := cheap.Hash("secret words"), cheap.Hash("secret words")
	if a == b || strings.Contains(a, "secret") || !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("%s and %s: want a salt of its own for each", a, b)
	}
	h := NewHasher(cheap)
	for _, c := range []struct {
		stored, password string
		want             bool
	}{
		{a, "secret words", true},
		{b, "secret words", true},
		{a, "secret word", false},
		{"", "secret words", false},
		{"", "", false},
		{"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$", "", false},
		{"$argon2i$v=19" + a[len("$argon2id$v=19"):], "secret words", false},
		{"$argon2id$v=19$m=64,t=0,p=1$c2FsdA$c2FsdA", "x", false},
		{"nonsense", "nonsense", false},
	} {
		if got, err := h.Verify(t.Context(), c.stored, c.password, always); got != c.want || err != nil {
			t.Errorf("%q matches %q: %v, %v", c.password, c.stored, got, err)
		}
	}
	for password, want := range map[string]codes.Code{
		"1234567": codes.InvalidArgument, "12345678": codes.OK,
		strings.Repeat("x", 128): codes.OK, strings.Repeat("x", 129): codes.InvalidArgument,
	} {
		if got := status.Code(CheckPassword(password)); got != want {
			t.Errorf("%d bytes: %v", len(password), got)
		}
	}
}

// Few hash at once, others wait a bounded time; what changed while they waited
// counts.
func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(cheap)
		var now, most int
		var mu sync.Mutex
		busy := func() error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(500 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return errors.New("locked out meanwhile")
		}
		var all sync.WaitGroup
		var refused int
		for range 20 {
			all.Go(func() {
				_, err := h.Verify(t.Context(), "", "x", busy)
				if rpc.KindOf(err) == rpc.Refused && rpc.RetryAfterOf(err) > 0 {
					mu.Lock()
					refused++
					mu.Unlock()
				} else if err == nil {
					t.Error("what is found once it is its turn does not count")
				}
			})
		}
		all.Wait()
		if most != hashers || refused == 0 || refused > 20-2*hashers {
			t.Errorf("%d at once, %d refused", most, refused)
		}
	})
}

func TestLockout(t *testing.T) {
	var l Lockout
	now := time.Unix(1e9, 0)
	for i := range 4 {
		if l.Failed("alice", now) || l.Check("alice", now) != nil {
			t.Fatalf("locked out after %d", i+1)
		}
	}
	for i, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, longestLock, longestLock} {
		if !l.Failed("alice", now) {
			t.Fatal("not locked out")
		}
		if err := l.Check("alice", now.Add(wait-time.Second)); rpc.RetryAfterOf(err) != time.Second || status.Code(err) != codes.ResourceExhausted {
			t.Errorf("lock %d: %v, again after %v", i, err, rpc.RetryAfterOf(err))
		}
		if err := l.Check("alice", now.Add(wait)); err != nil {
			t.Errorf("lock %d lasts longer than %v", i, wait)
		}
	}
	if l.Check("bob", now) != nil {
		t.Error("bob is locked out for alice")
	}
	l.Passed("alice")
	if l.Failed("alice", now) {
		t.Error("what was before the right password counts")
	}
	for range 3 {
		l.Failed("alice", now)
	}
	if l.Failed("alice", now.Add(2*time.Hour)) {
		t.Error("what was hours ago counts")
	}
}

func TestLimiter(t *testing.T) {
	l := Limiter{PerSecond: 10, Burst: 3}
	now := time.Unix(1e9, 0)
	for range 3 {
		if err := l.Allow("alice", now); err != nil {
			t.Fatal(err)
		}
	}
	err := l.Allow("alice", now)
	if after := rpc.RetryAfterOf(err); status.Code(err) != codes.ResourceExhausted || after <= 0 || after > 101*time.Millisecond {
		t.Errorf("%v, again after %v", err, after)
	}
	if l.Allow("bob", now) != nil || l.Allow("alice", now.Add(100*time.Millisecond)) != nil {
		t.Error("bob waits for alice, or she for ever")
	}
	for i := range 2 * maxTracked {
		_ = l.Allow(string(rune(i)), now.Add(time.Second))
	}
	if len(l.buckets) > maxTracked {
		t.Errorf("%d are remembered", len(l.buckets))
	}
}

// Who floods is stopped by its own bound, and takes nothing from its neighbours;
// many who flood together are stopped by that of their address.
func TestLimitsOfAnAddress(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := Limits{Holder: Limiter{PerSecond: 1, Burst: 2}, Address: Limiter{PerSecond: 1, Burst: 4}}
	from := func(name, addr string) Caller { return Caller{Party: Party{Client, name}, Addr: addr} }
	for i := range 10 {
		if err := l.Allow(from("alice", fmt.Sprintf("10.0.0.1:%d", 1000+i)), now); (err == nil) != (i < 2) {
			t.Errorf("alice's call %d: %v", i, err)
		}
	}
	for i, want := range []codes.Code{codes.OK, codes.OK, codes.ResourceExhausted} {
		err := l.Allow(from(fmt.Sprint("user", i), "10.0.0.1:1"), now)
		if status.Code(err) != want || (err != nil) != (rpc.RetryAfterOf(err) > 0) {
			t.Errorf("neighbour %d: %v, again after %v; want %v", i, err, rpc.RetryAfterOf(err), want)
		}
	}
	if err := l.Allow(from("carol", "10.0.0.2:1"), now); err != nil {
		t.Error("another address:", err)
	}
	if err := l.Allow(from("dave", "10.0.0.1:1"), now.Add(time.Second)); err != nil {
		t.Error("a second later:", err)
	}
}

// The guard bounds addresses, for calls that check passwords and for others; the
// gateway and banks are not bounded.
func TestGuardBoundsAddresses(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, rule := range []Rule{stranger, customer} {
		g := NewGuard(NoLog())
		g.Slow.Address, g.Calls.Address = Limiter{PerSecond: 1, Burst: 1}, Limiter{PerSecond: 1, Burst: 1}
		by := func(role Role, name string) error {
			return g.limit(rule, &Call{Caller: Caller{Party: Party{role, name}, Addr: "10.0.0.1:1"}}, now)
		}
		if err := by(Client, "alice"); err != nil {
			t.Error(err)
		}
		if err := by(Client, "bob"); status.Code(err) != codes.ResourceExhausted || rpc.RetryAfterOf(err) != time.Second {
			t.Errorf("%v, again after %v", err, rpc.RetryAfterOf(err))
		}
		if err := by(Bank, "alpha"); err != nil {
			t.Error(err)
		}
	}
}

// An address is what its owner cannot change at will.
func TestNetworks(t *testing.T) {
	for addr, want := range map[string]string{
		"10.1.2.3:4567":        "10.1.2.3",
		"10.1.2.3:1":           "10.1.2.3",
		"[::ffff:10.1.2.3]:1":  "10.1.2.3",
		"[2001:db8:1:2::3]:1":  "2001:db8:1:2::/64",
		"[2001:db8:1:2:9::]:1": "2001:db8:1:2::/64",
		"[2001:db8:1:3::3]:1":  "2001:db8:1:3::/64",
		"[fe80::1%eth0]:1":     "fe80::/64",
		"bufconn":              "bufconn",
	} {
		if got := (Caller{Addr: addr}).Network(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestParties(t *testing.T) {
	for uri, want := range map[string]Party{
		"spiffe://strife.local/gateway":        TheGateway,
		"spiffe://strife.local/bank/alpha":     {Bank, "alpha"},
		"spiffe://strife.local/client/alice":   {Client, "alice"},
		"spiffe://strife.local/gateway/x":      {},
		"spiffe://strife.local/client":         {},
		"spiffe://strife.local/client/":        {},
		"spiffe://strife.local/client/a/b":     {},
		"spiffe://strife.local/bank/../x":      {},
		"spiffe://strife.local/root/alice":     {},
		"spiffe://elsewhere/client/alice":      {},
		"https://strife.local/client/alice":    {},
		"spiffe://strife.local/client/alice?x": {},
		"":                                     {},
	} {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		got, err := partyOf(&x509.Certificate{URIs: []*url.URL{u}})
		if got != want && err == nil || (err == nil) != (want != Party{}) {
			t.Errorf("%q: %v, %v", uri, got, err)
		}
	}
	two := []*url.URL{TheGateway.URI(), {Scheme: "spiffe", Host: domain, Path: "/client/alice"}}
	for _, uris := range [][]*url.URL{nil, two} {
		if p, err := partyOf(&x509.Certificate{URIs: uris}); err == nil {
			t.Errorf("%d URIs make %v", len(uris), p)
		}
	}
}

// sometimes is a file on a disk that is full for a while.
type sometimes struct {
	strings.Builder
	full bool
}

func (s *sometimes) Write(b []byte) (int, error) {
	if s.full {
		return 0, errors.New("no space")
	}
	return s.Builder.Write(b)
}

// A log that could not be written for a while loses lines of that while, and no
// later ones.
func TestLogAfterAFullDisk(t *testing.T) {
	file := &sometimes{}
	l := newLog(file, io.NopCloser(nil))
	for _, word := range []string{"before", "during", "after"} {
		file.full = word == "during"
		l.Info(word)
		if err := l.out.flush(); (err != nil) != file.full {
			t.Errorf("%s: %v", word, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if text := file.String(); !strings.Contains(text, "before") || strings.Contains(text, "during") || !strings.Contains(text, "after") {
		t.Errorf("the log has %q", text)
	}
}

// What is not in the table is nobody's, and what is in it nobody else's.
func TestRulesDenyByDefault(t *testing.T) {
	if (Rule{}).admits(Client) || (Rule{}).admits(Gateway) {
		t.Error("an empty rule admits somebody")
	}
	g := NewGuard(NoLog())
	if err := g.permits(&Call{Caller: Caller{Party: TheGateway}, Method: "/dyno.strife.v1.GatewayService/Unheard"}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a method without a rule: %v", err)
	}
	for name, rule := range Rules {
		for _, role := range roles {
			err := g.permits(&Call{Caller: Caller{Party: Party{role, "x"}}, Method: name})
			if (err == nil) != rule.admits(role) {
				t.Errorf("%s for a %s: %v", name, role, err)
			}
		}
		private := strings.Contains(name, "BankService") || strings.Contains(name, "PeerService") || strings.Contains(name, "CoordinatorService")
		if private && rule.admits(Client) {
			t.Errorf("%s is for clients", name)
		}
		if strings.Contains(name, "AdminService") && (rule.allows(Customer) || !rule.allows(Admin)) {
			t.Errorf("%s is for customers", name)
		}
	}
}

func TestRedacted(t *testing.T) {
	got := Redacted(&v1.AddUserRequest{
		User: "zoe", Password: "p4ss", Account: &v1.Account{Bank: "beta", Number: "n-99"}, Balance: &v1.Money{Minor: -5, Currency: "EUR"},
	})
	want := `user:zoe password:[hidden] account:{bank:beta number:[hidden]} balance:{minor:-5 currency:EUR}`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := Redacted(&v1.LoginRequest{User: "a b:c\n"}); got != `user:"a b:c\n"` {
		t.Error(got)
	}
	many := &v1.ListPaymentsResponse{}
	for range 1000 {
		many.Payments = append(many.Payments, &v1.Payment{Key: "k3y", Id: "1.1.1", Status: v1.PaymentStatus_PAYMENT_STATUS_PAID})
	}
	got = Redacted(many)
	if len(got) > 2*maxRendered || strings.Contains(got, "k3y") || !strings.Contains(got, "PAYMENT_STATUS_PAID") {
		t.Errorf("%d bytes: %.200s", len(got), got)
	}
	if got := Redacted((*v1.PayResponse)(nil)); got != "" {
		t.Error(got)
	}
}

func TestMetadataThatIsSecret(t *testing.T) {
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(
		"authorization", "Bearer c4nary", "cookie", "c4nary", "x-csrf-token", "c4nary", "x-password", "c4nary", "trace-bin", "c4nary", "user-agent", "grpc"))
	if got := allowed(ctx); strings.Contains(got, "c4nary") || !strings.Contains(got, "user-agent=grpc") {
		t.Error(got)
	}
}

// The audit's chain breaks at whatever is changed, removed or put in.
func TestAuditChain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	for range 2 {
		a, err := OpenAudit(dir, "test")
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"login", "paid", "logout"} {
			if err := a.Note(Event{Time: time.Unix(1e9, 0), What: what, Who: "alice"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Force(context.Background(), Event{What: "heuristic abort"}); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var records [][]byte
	_, err := journal.Scan(dir, journal.Options{Identity: "test"}, func(e journal.Entry) error {
		records = append(records, append([]byte(nil), e.Data...))
		return nil
	})
	if n, scanned := ScanAudit(dir, "test", nil); err != nil || scanned != nil || n != 8 || len(records) != 8 {
		t.Fatalf("%d events, %v, %v", n, err, scanned)
	}
	for name, forge := range map[string]func([][]byte) [][]byte{
		"as it is": func(r [][]byte) [][]byte { return r },
		"changed": func(r [][]byte) [][]byte {
			r[3] = []byte(strings.Replace(string(r[3]), "heuristic abort", "heuristic commit", 1))
			return r
		},
		"removed": func(r [][]byte) [][]byte { return append(r[:2:2], r[3:]...) },
		"doubled": func(r [][]byte) [][]byte { return append(r[:3:3], r[2:]...) },
		"swapped": func(r [][]byte) [][]byte { r[1], r[2] = r[2], r[1]; return r },
		"no JSON": func(r [][]byte) [][]byte { r[4] = []byte("x"); return r },
	} {
		forged := filepath.Join(t.TempDir(), "forged")
		j, _, err := journal.Open(forged, journal.Options{Identity: "test", Segment: auditSegment}, func(journal.Entry) error { return nil })
		if err == nil {
			_, err = j.Append(context.Background(), forge(append([][]byte(nil), records...))...)
		}
		if err == nil {
			err = j.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, scanned := ScanAudit(forged, "test", nil)
		a, opened := OpenAudit(forged, "test")
		if opened == nil {
			opened = a.Close()
		}
		if fine := name == "as it is"; (scanned == nil) != fine || (opened == nil) != fine {
			t.Errorf("%s: %v, %v", name, scanned, opened)
		}
	}
}

// Lines and events are JSON, whatever is in them.
func TestLinesAreJSON(t *testing.T) {
	var out strings.Builder
	l := newLog(&out, io.NopCloser(nil))
	for _, text := range []string{"plain", "", `a "quoted" \ text`, "lines\nand\x00zeros", "ümläut", "broken \xff"} {
		out.Reset()
		l.Line(slog.LevelWarn, text).Text("text", text).Int("n", -5).End()
		if err := l.out.flush(); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Time             time.Time
			Level, Msg, Text string
			N                int
		}
		want := strings.ToValidUTF8(text, "\uFFFD")
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got.Msg != want || got.Text != want || got.N != -5 || got.Level != "WARN" || time.Since(got.Time) > time.Hour {
			t.Errorf("%q: %v: %s", text, err, out.String())
		}
		e := Event{Time: time.Unix(1e9, 5).UTC(), What: "paid", Who: text, Cert: text, Key: text, Tx: text, Amount: text, Detail: text}
		var back link
		if err := json.Unmarshal(e.link([32]byte{1}), &back); err != nil || back.Who != want || back.Detail != want || !back.Time.Equal(e.Time) || back.Before[:2] != "01" {
			t.Errorf("%q: %v: %+v", text, err, back)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	NoLog().Line(slog.LevelError, "x").Text("a", "b").Int("n", 1).End() // goes nowhere
}

// A log is complete once it is closed, and its file is its owner's alone.
func TestLogIsPrivateAndComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "x.log")
	l := OpenLog(path)
	l.Info("one")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%s, %v", text, err)
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
}
