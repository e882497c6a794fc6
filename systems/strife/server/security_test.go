package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/gateway"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
)

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func wants(t *testing.T, what string, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// Who is not certified by this authority, or not any more, does not get in; who
// is gets no further than its role.
func TestCertificates(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Same: true}).start()
	foreign := newWorld(t, site.Plan{Banks: 1, Users: 1, Same: true})
	authority, err := rpc.OpenAuthority(w.dir.Keys(), w.dir.Authority())
	if err != nil {
		t.Fatal(err)
	}
	old, plain := client("old"), security.Party{Role: security.Client, Name: "plain"}
	if err := errors.Join(
		authority.IssueUntil(time.Now().Add(-time.Minute), old.Identity(), old.URI()),
		authority.Issue(plain.Identity()),
	); err != nil {
		t.Fatal(err)
	}
	whoami := func(conn *grpc.ClientConn) error {
		_, err := v1.NewGatewayServiceClient(conn).WhoAmI(within(t), &v1.WhoAmIRequest{})
		return err
	}
	stranger := foreign.dir.Dialer(client("alice"), w.dir.Run())
	conn, err := stranger.Dial(security.TheGateway)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wants(t, "certified by another authority", whoami(conn), codes.Unavailable)
	wants(t, "an expired certificate", whoami(w.dial(old, security.TheGateway)), codes.Unavailable)
	wants(t, "a certificate without a role", whoami(w.dial(plain, security.TheGateway)), codes.Unauthenticated)
	wants(t, "a bank's certificate on a user's method", whoami(w.dial(alpha, security.TheGateway)), codes.PermissionDenied)
	wants(t, "a user without a session", whoami(w.dial(client("alice"), security.TheGateway)), codes.Unauthenticated)

	_, err = v1.NewBankServiceClient(w.dial(client("alice"), alpha)).ReadBalance(within(t), &v1.ReadBalanceRequest{Bank: "alpha", Account: "1001"})
	wants(t, "a user asks a bank", err, codes.PermissionDenied)
	stream, err := v1.NewBankServiceClient(w.dial(beta, alpha)).Exchange(within(t))
	if err == nil {
		_, err = stream.Recv()
	}
	wants(t, "a bank commands a bank", err, codes.PermissionDenied)
	_, err = v1.NewCoordinatorServiceClient(w.dial(client("alice"), security.TheGateway)).Inquire(within(t), &v1.InquireRequest{})
	wants(t, "a user inquires", err, codes.PermissionDenied)
}

// A client without a certificate is not even answered.
func TestNoCertificate(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 1, Users: 1, Same: true}).start()
	a, err := site.ReadAddresses(w.dir.Run())
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{
		"none":    {InsecureSkipVerify: true},
		"TLS 1.2": {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12},
	} {
		conn, err := rpc.Dial(a.Gateway.Addr, rpc.WithTLS(config))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = v1.NewGatewayServiceClient(conn).WhoAmI(within(t), &v1.WhoAmIRequest{})
		wants(t, name, err, codes.Unavailable)
	}
}

// A bank that answers at another bank's address is not taken for it, and refuses
// itself what is meant for another.
func TestBankAnswersAsAnother(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Same: true}).start()
	a, err := site.ReadAddresses(w.dir.Run())
	if err != nil {
		t.Fatal(err)
	}
	a.Banks["beta"] = a.Banks["alpha"]
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	swapped := filepath.Join(t.TempDir(), "run.json")
	if err := os.WriteFile(swapped, text, 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := w.dir.Dialer(security.TheGateway, swapped).Dial(beta)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = v1.NewBankServiceClient(conn).ReadBalance(within(t), &v1.ReadBalanceRequest{Bank: "beta", Account: "1001"})
	wants(t, "alpha at beta's address", err, codes.Unavailable)
	if !strings.Contains(status.Convert(err).Message(), "this is bank/alpha, not bank/beta") &&
		!strings.Contains(status.Convert(err).Message(), "bank-beta") {
		t.Errorf("%v does not say who was found", err)
	}
	_, err = v1.NewBankServiceClient(w.dial(security.TheGateway, alpha)).ReadBalance(within(t), &v1.ReadBalanceRequest{Bank: "beta", Account: "1001"})
	wants(t, "a question for beta at alpha", err, codes.InvalidArgument)
}

// A session is good for its user on its certificate, until it ends; it outlives
// the gateway, and its end does too.
func TestSessions(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Same: true}).start()
	alice, bob := w.login(0), w.login(1)
	whoami := func(c *customer, token string) error {
		_, err := c.WhoAmI(security.WithToken(within(t), token), &v1.WhoAmIRequest{}, grpc.WaitForReady(true))
		return err
	}
	wants(t, "one's own token", whoami(alice, alice.token), codes.OK)
	wants(t, "a stolen token on another certificate", whoami(bob, alice.token), codes.Unauthenticated)
	wants(t, "no token at all", whoami(bob, "x"), codes.Unauthenticated)

	authority, err := rpc.OpenAuthority(w.dir.Keys(), w.dir.Authority())
	if err == nil {
		err = authority.Issue(client("alice").Identity(), client("alice").URI())
	}
	if err != nil {
		t.Fatal(err)
	}
	renewed := v1.NewGatewayServiceClient(w.dial(client("alice"), security.TheGateway))
	_, err = renewed.WhoAmI(alice.context(within(t)), &v1.WhoAmIRequest{})
	wants(t, "the same user with another certificate", err, codes.Unauthenticated)

	if _, err := bob.Logout(bob.context(within(t)), &v1.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	wants(t, "after the logout", whoami(bob, bob.token), codes.Unauthenticated)
	w.stop(security.TheGateway)
	w.host(security.TheGateway)
	wants(t, "after a restart of the gateway", whoami(alice, alice.token), codes.OK)
	wants(t, "logged out before a restart", whoami(bob, bob.token), codes.Unauthenticated)
}

// Every method of every service that a server really offers has a rule, and no
// rule is for a method that is not there.
func TestEveryMethodHasARule(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 1, Users: 1, Same: true}).start()
	seen := map[string]bool{}
	for _, p := range w.parties() {
		for _, service := range offered(t, w.dial(p, p)) {
			d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
			if err != nil {
				t.Fatal(err)
			}
			methods := d.(protoreflect.ServiceDescriptor).Methods()
			for i := range methods.Len() {
				name := "/" + service + "/" + string(methods.Get(i).Name())
				seen[name] = true
				if rule, ok := security.Rules[name]; !ok || len(rule.From) == 0 {
					t.Errorf("%v offers %s, for which there is no rule", p, name)
				}
			}
		}
	}
	for name := range maps.Keys(security.Rules) {
		if !seen[name] {
			t.Errorf("there is a rule for %s, which no server offers", name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d methods were found", len(seen))
	}
}

func offered(t *testing.T, conn *grpc.ClientConn) (services []string) {
	t.Helper()
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(within(t))
	if err == nil {
		err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	}
	var resp *reflectionpb.ServerReflectionResponse
	if err == nil {
		resp, err = stream.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range resp.GetListServicesResponse().GetService() {
		services = append(services, s.GetName())
	}
	return services
}

// Nothing that is secret, or a customer's own matter, is in any log or audit:
// passwords, tokens, keys of payments, account numbers.
func TestCanaries(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2}).start()
	const fresh, key, number = "canary-password", "canary-key-4711", "canary-account-99"
	alice := w.login(0)
	admin := w.loginAs(w.made.Admin)
	ctx := within(t)
	if err := w.dir.Enrol("zoe"); err != nil {
		t.Fatal(err)
	}
	_, err := v1.NewAdminServiceClient(admin.conn).AddUser(admin.context(ctx), &v1.AddUserRequest{
		User: "zoe", Password: fresh, Account: &v1.Account{Bank: "beta", Number: number}, Balance: &v1.Money{Minor: 5, Currency: "EUR"},
	})
	if err != nil {
		t.Fatal(err)
	}
	zoe := site.MadeUser{User: "zoe", Bank: "beta", Account: number}
	if _, err := alice.pay(ctx, key, zoe, 1250); err != nil {
		t.Fatal(err)
	}
	_, err = alice.pay(metadata.AppendToOutgoingContext(ctx, "x-csrf-token", "canary-metadata", "cookie", "canary-cookie"), key, zoe, 1)
	wants(t, "another payment under the key", err, codes.InvalidArgument)
	_, _ = alice.Login(ctx, &v1.LoginRequest{User: "alice", Password: "canary-wrong"})
	_, _ = alice.CancelPayment(alice.context(ctx), &v1.CancelPaymentRequest{Key: key})
	_, _ = alice.ListPayments(alice.context(ctx), &v1.ListPaymentsRequest{})
	for p := range maps.Clone(w.servers) {
		w.stop(p)
	}
	text := trail(t, w)
	for _, canary := range []string{
		fresh, key, number, "canary-metadata", "canary-cookie", "canary-wrong", alice.token, admin.token, w.password("alice"),
	} {
		if strings.Contains(text, canary) {
			t.Errorf("%q was written down", canary)
		}
	}
	for _, known := range []string{
		security.KeyHash("alice", key), `"amount":"12.50 EUR"`, `"user":"alice"`, `"method":"/dyno.strife.v1.GatewayService/Pay"`,
		`"code":"InvalidArgument"`, `"attempt":1`, `"msg":"Prepare"`, `"msg":"Decide"`, `"cert":"`, `"vote":"yes"`, `"us":`, `"what":"paid"`,
	} {
		if !strings.Contains(text, known) {
			t.Errorf("%s was not written down", known)
		}
	}
}

// trail is all that the servers have logged, and their audits.
func trail(t *testing.T, w *world) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(filepath.Dir(w.dir.Log(alpha)), "*"))
	if err != nil || len(logs) < 3 {
		t.Fatalf("%q, %v", logs, err)
	}
	var all []byte
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	for _, p := range w.parties() {
		_, err := security.ScanAudit(w.dir.Audit(p), server.Identity(p, "audit"), func(e security.Event) {
			line, _ := json.Marshal(e)
			all = append(all, line...)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return string(all)
}

// A customer asks about its own account only, and does nothing that is an
// admin's; an admin does nothing that is a customer's.
func TestOwnership(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Same: true}).start()
	alice, bob, ctx := w.login(0), w.made.Users[1], within(t)
	admin := w.loginAs(w.made.Admin)
	theirs := &v1.Account{Bank: bob.Bank, Number: bob.Account}
	_, err := alice.GetBalance(alice.context(ctx), &v1.GetBalanceRequest{Account: theirs})
	wants(t, "another's balance", err, codes.PermissionDenied)
	_, err = alice.Pay(alice.context(ctx), &v1.PayRequest{Key: "k", From: theirs, To: theirs, Amount: &v1.Money{Minor: 1, Currency: "EUR"}})
	wants(t, "another's money", err, codes.PermissionDenied)
	_, err = v1.NewAdminServiceClient(alice.conn).ListAccounts(alice.context(ctx), &v1.ListAccountsRequest{})
	wants(t, "a customer's look at all accounts", err, codes.PermissionDenied)
	_, err = admin.pay(ctx, "k", bob, 1)
	wants(t, "an admin's payment", err, codes.PermissionDenied)
	list, err := v1.NewAdminServiceClient(admin.conn).ListAccounts(admin.context(ctx), &v1.ListAccountsRequest{})
	if err != nil || len(list.GetCustomers()) != 3 {
		t.Errorf("%v, %v", list, err)
	}
}

// A stranger registers with an account that is nobody's, once.
func TestRegister(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Same: true}).start()
	register := func(user, bank, number string) error {
		if err := w.dir.Enrol(user); err != nil {
			t.Fatal(err)
		}
		_, err := v1.NewGatewayServiceClient(w.dial(client(user), security.TheGateway)).Register(within(t), &v1.RegisterRequest{
			User: user, Password: "long enough", Account: &v1.Account{Bank: bank, Number: number},
		})
		return err
	}
	spare, bob := w.made.Spare[0], w.made.Users[1]
	wants(t, "no such account", register("zoe", spare.Bank, "nowhere"), codes.NotFound)
	wants(t, "no such bank", register("zoe", "nobank", spare.Account), codes.NotFound)
	wants(t, "another's account", register("zoe", bob.Bank, bob.Account), codes.FailedPrecondition)
	wants(t, "a name that is taken", register("bob", spare.Bank, spare.Account), codes.FailedPrecondition)
	wants(t, "an account of nobody", register("zoe", spare.Bank, spare.Account), codes.OK)
	wants(t, "the same account", register("yan", spare.Bank, spare.Account), codes.FailedPrecondition)
	w.stop(security.TheGateway)
	w.host(security.TheGateway)
	c := &customer{conn: w.dial(client("zoe"), security.TheGateway)}
	resp, err := v1.NewGatewayServiceClient(c.conn).Login(within(t), &v1.LoginRequest{User: "zoe", Password: "long enough"})
	if err != nil || resp.GetToken() == "" {
		t.Errorf("after a restart she cannot log in: %v", err)
	}
}

// The stored answer comes back byte by byte, with a header that says so; the
// same key of another user is another key, and tells nothing.
func TestReplay(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 3, Same: true}).start()
	alice, bob, carol, ctx := w.login(0), w.login(1), w.login(2), within(t)
	var header metadata.MD
	first, err := alice.pay(ctx, "k", bob.made, 100, grpc.Header(&header))
	if err != nil || len(header.Get(gateway.Replayed)) != 0 {
		t.Fatalf("%v, %v", header, err)
	}
	again, err := alice.pay(ctx, "k", bob.made, 100, grpc.Header(&header))
	if err != nil || !slices.Equal(header.Get(gateway.Replayed), []string{"true"}) {
		t.Errorf("%v, %v", header, err)
	}
	options := proto.MarshalOptions{Deterministic: true}
	one, _ := options.Marshal(first)
	two, _ := options.Marshal(again)
	if string(one) != string(two) {
		t.Errorf("%v, and then %v", first, again)
	}
	_, err = carol.GetPayment(carol.context(ctx), &v1.GetPaymentRequest{Key: "k"})
	wants(t, "another user looks the key up", err, codes.NotFound)
	if p, err := carol.pay(ctx, "k", bob.made, 5); err != nil || p.GetId() == first.GetId() {
		t.Errorf("another user's payment under the key: %v, %v", p, err)
	}
	_, err = alice.pay(ctx, "broke", bob.made, 1e9, grpc.Header(&header))
	wants(t, "without funds", err, codes.FailedPrecondition)
	_, err = alice.pay(ctx, "broke", bob.made, 1e9, grpc.Header(&header))
	if wants(t, "the same again", err, codes.FailedPrecondition); rpc.KindOf(err) != rpc.Declined || len(header.Get(gateway.Replayed)) != 1 {
		t.Errorf("%v, %v", err, header)
	}
}

// Without protection everything works as with it, and whoever looks is told.
func TestUnprotected(t *testing.T) {
	for _, level := range []security.Protection{security.OnlyTLS, security.None} {
		w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true, Protection: level}).start()
		alice, bob := w.login(0), w.login(1)
		if _, err := alice.pay(within(t), "k", bob.made, 10); err != nil {
			t.Errorf("%s: %v", level, err)
		}
		settles(t, alice, opening-10)
		settles(t, bob, opening+10)
		config, err := gateway.Role().TLS([]string{"--dir", string(w.dir)})
		if err != nil || (config == nil) != (level == security.None) {
			t.Errorf("%s: TLS %v, %v", level, config, err)
		}
		if logs, _ := filepath.Glob(filepath.Join(filepath.Dir(w.dir.Log(alpha)), "*")); len(logs) > 0 {
			t.Errorf("%s: logs %q", level, logs)
		}
	}
}
