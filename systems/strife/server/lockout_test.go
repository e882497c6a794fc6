package server_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// Ten wrong passwords lock a user out, for others nothing changes, and it is
// said when to try again. Who is not there is not told from a wrong password.
func TestLockout(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 1, Users: 2, Same: true}).start()
	if err := w.dir.Enrol("mallory"); err != nil {
		t.Fatal(err)
	}
	login := func(user, password string) error {
		_, err := v1.NewGatewayServiceClient(w.dial(client(user), security.TheGateway)).Login(within(t), &v1.LoginRequest{User: user, Password: password})
		return err
	}
	unknown := login("mallory", "wrong password")
	wrong := login("alice", "wrong password")
	if unknown.Error() != wrong.Error() {
		t.Errorf("an unknown user is told %q, a wrong password %q", unknown, wrong)
	}
	for range 9 {
		wrong = login("alice", "wrong password")
	}
	wants(t, "the tenth wrong password", wrong, codes.ResourceExhausted)
	right := login("alice", w.password("alice"))
	wants(t, "the right one after that", right, codes.ResourceExhausted)
	if after := rpc.RetryAfterOf(right); after <= 0 || after > 15*time.Minute {
		t.Errorf("it may be tried again after %v", after)
	}
	wants(t, "another user", login("bob", w.password("bob")), codes.OK)
	_, err := v1.NewGatewayServiceClient(w.dial(client("bob"), security.TheGateway)).Login(within(t), &v1.LoginRequest{User: "alice", Password: w.password("alice")})
	wants(t, "another user's password on one's own certificate", err, codes.PermissionDenied)
}

// An address from which too many wrong passwords came, whoever's, is locked out
// with a time to wait, and no other is.
func TestAddressLockout(t *testing.T) {
	const guessers = security.AddressFailures / security.FreeFailures
	w := newWorld(t, site.Plan{Banks: 1, Users: guessers + 1, Same: true}).start()
	login := func(u site.MadeUser, password string, opts ...grpc.DialOption) error {
		conn, err := w.dir.Dialer(client(u.User), "").Dial(security.TheGateway, opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = v1.NewGatewayServiceClient(conn).Login(within(t), &v1.LoginRequest{User: u.User, Password: password})
		return err
	}
	for _, u := range w.made.Users[:guessers] {
		for range security.FreeFailures {
			wants(t, "a wrong password", login(u, "wrong password"), codes.Unauthenticated)
		}
	}
	last := w.made.Users[guessers]
	err := login(last, w.password(last.User))
	wants(t, "the right one, of another user, at that address", err, codes.ResourceExhausted)
	if after := rpc.RetryAfterOf(err); after <= 0 || after > 30*time.Second {
		t.Errorf("it may be tried again after %v", after)
	}
	if runtime.GOOS != "linux" { // where all of 127/8 is this machine
		return
	}
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	at, err := site.ReadAddresses(w.dir.Run())
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return elsewhere.DialContext(ctx, "tcp", at.Gateway.Addr)
	}
	wants(t, "the right one from another address", login(last, w.password(last.User), grpc.WithContextDialer(dial)), codes.OK)
}
