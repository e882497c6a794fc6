package access

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

var cheap = security.Params{Memory: 64, Time: 1, Lanes: 1}

// clock is a clock that a test sets.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// life opens what lies in a folder; it is closed with the test, or before.
func life(t *testing.T, dir string, c *clock) *Access {
	t.Helper()
	a, err := Open(Options{
		Dir: dir, Identity: "test", Hashing: cheap, Now: c.now,
		Users: []site.User{{Name: "alice", Role: security.Customer, Bank: "alpha", Account: "1", Password: cheap.Hash("right password")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func alice(cert byte) security.Caller {
	return security.Caller{Party: security.Party{Role: security.Client, Name: "alice"}, Cert: [32]byte{cert}}
}

func login(t *testing.T, a *Access) (token string) {
	t.Helper()
	got, err := a.Login(context.Background(), alice(1), "alice", "right password")
	if err != nil {
		t.Fatal(err)
	}
	return got.Token
}

// A session ends 15 minutes after its last use, and 8 hours after it began, also
// when the gateway was away meanwhile.
func TestSessionsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		uses  time.Duration // it is used so often,
		until time.Duration // for so long,
		asked time.Duration // and then asked for after this much more
		want  codes.Code
	}{
		"used at once":        {0, 0, 0, codes.OK},
		"just not idle":       {0, 0, Idle, codes.OK},
		"idle":                {0, 0, Idle + time.Second, codes.Unauthenticated},
		"kept alive":          {10 * time.Minute, 7 * time.Hour, 14 * time.Minute, codes.OK},
		"kept alive, idle":    {10 * time.Minute, 7 * time.Hour, 16 * time.Minute, codes.Unauthenticated},
		"kept alive too long": {10 * time.Minute, 7*time.Hour + 50*time.Minute, 14 * time.Minute, codes.Unauthenticated},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restart), func(t *testing.T) {
				dir, now := filepath.Join(t.TempDir(), "a"), &clock{time.Unix(1e9, 0)}
				a := life(t, dir, now)
				token := login(t, a)
				for used := c.uses; c.uses > 0 && used <= c.until; used += c.uses {
					now.Time = now.Add(c.uses)
					if _, err := a.Session(token, alice(1), now.Time); err != nil {
						t.Fatalf("after %v: %v", used, err)
					}
				}
				if restart {
					if err := a.Close(); err != nil {
						t.Fatal(err)
					}
					a = life(t, dir, now)
				}
				defer a.Close()
				now.Time = now.Add(c.asked)
				if _, err := a.Session(token, alice(1), now.Time); status.Code(err) != c.want {
					t.Errorf("%v, want %v", err, c.want)
				}
			})
		}
	}
}

// What is written down is enough, whether records or a snapshot of them: users,
// sessions and the end of sessions.
func TestRemembers(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "a"), &clock{time.Unix(1e9, 0)}
	a := life(t, dir, now)
	kept, ended := login(t, a), login(t, a)
	s, err := a.Session(ended, alice(1), now.Time)
	if err == nil {
		err = a.Logout(context.Background(), s)
	}
	if err == nil {
		err = a.Add(context.Background(), site.User{Name: "zoe", Role: security.Customer, Bank: "beta", Account: "9"}, "zoe's password")
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the second life makes a snapshot
		for len(a.sessions) < 3 {
			login(t, a)
		}
		if err := a.journal.Snapshot(context.Background(), a.lastRecord(t), a.write); err != nil {
			t.Fatal(err)
		}
		login(t, a) // a record behind the snapshot
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		a = life(t, dir, now)
		if _, err := a.Session(kept, alice(1), now.Time); err != nil {
			t.Error("a session was forgotten:", err)
		}
		if _, err := a.Session(ended, alice(1), now.Time); err == nil {
			t.Error("a session that was ended lives again")
		}
		zoe := security.Caller{Party: security.Party{Role: security.Client, Name: "zoe"}}
		if _, err := a.Login(context.Background(), zoe, "zoe", "zoe's password"); err != nil {
			t.Error("a user was forgotten:", err)
		}
		if err := a.Free(site.User{Name: "yan", Bank: "beta", Account: "9"}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("zoe's account is anybody's: %v", err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// lastRecord is the number of the last record, all of which are durable.
func (a *Access) lastRecord(t *testing.T) uint64 {
	t.Helper()
	durable, _ := a.journal.Durable()
	return durable
}

// Wrong passwords of many users lock out the address that they come from, for
// everybody who is there and for nobody else; a right one in between changes
// nothing.
func TestAddressLockout(t *testing.T) {
	now := &clock{time.Unix(1e9, 0)}
	a := life(t, filepath.Join(t.TempDir(), "a"), now)
	defer a.Close()
	try := func(user, addr, password string) error {
		by := security.Caller{Party: security.Party{Role: security.Client, Name: user}, Addr: addr}
		_, err := a.Login(context.Background(), by, user, password)
		return err
	}
	for i := range security.AddressFailures {
		if err := try(fmt.Sprint("user", i), fmt.Sprint("10.0.0.1:", 1000+i), "wrong password"); status.Code(err) != codes.Unauthenticated {
			t.Fatalf("wrong password %d: %v", i, err)
		}
		if i == security.AddressFailures/2 && try("alice", "10.0.0.1:9", "right password") != nil {
			t.Fatal("locked out too early")
		}
	}
	err := try("alice", "10.0.0.1:9", "right password")
	if status.Code(err) != codes.ResourceExhausted || rpc.RetryAfterOf(err) != 30*time.Second {
		t.Errorf("at the address: %v, again after %v", err, rpc.RetryAfterOf(err))
	}
	if err := try("alice", "10.0.0.2:9", "right password"); err != nil {
		t.Error("elsewhere:", err)
	}
	now.Time = now.Add(30 * time.Second)
	if err := try("alice", "10.0.0.1:9", "right password"); err != nil {
		t.Error("later:", err)
	}
}

// A user with very many sessions loses the oldest, never the newest.
func TestSessionsAreBounded(t *testing.T) {
	now := &clock{time.Unix(1e9, 0)}
	a := life(t, filepath.Join(t.TempDir(), "a"), now)
	defer a.Close()
	first := login(t, a)
	for i := range maxSessions { // as many as may be, without the cost of logging in
		a.sessions[security.TokenHash{byte(i), byte(i >> 8), 1}] = &session{User: "alice", Began: now.Add(time.Second), used: now.Add(time.Second)}
	}
	now.Time = now.Add(time.Minute)
	last := login(t, a)
	if _, err := a.Session(first, alice(1), now.Time); err == nil {
		t.Error("the oldest is still there")
	}
	if _, err := a.Session(last, alice(1), now.Time); err != nil {
		t.Error("the newest is gone:", err)
	}
}
