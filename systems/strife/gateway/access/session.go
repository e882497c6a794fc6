package access

import (
	"context"
	"encoding/json"
	"time"

	"dyno/internal/rpc"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// Attempt is what came of a login, for the audit.
type Attempt struct {
	Token  string // empty: it failed
	Locked bool   // and further ones are refused for a while
}

// Login opens a session for the user whom the certificate names. It does not
// tell whether there is no such user or the password is wrong, not even by how
// long it takes.
func (a *Access) Login(ctx context.Context, by security.Caller, user, password string) (Attempt, error) {
	if user != by.Name {
		return Attempt{}, rpc.Errorf(rpc.Denied, "user: the certificate is not that user's")
	}
	a.mu.Lock()
	known := a.users[user]
	a.mu.Unlock()
	ok, err := a.hasher.Verify(ctx, known.Password, password, func() error { return a.mayTry(by) })
	if err != nil {
		return Attempt{}, err
	}
	if !ok {
		return Attempt{Locked: a.failed(by)}, rpc.Errorf(rpc.Unauthenticated, "user or password is wrong")
	}
	a.lockout.Passed(user)
	return a.open(ctx, by)
}

// mayTry refuses a user, or anybody at an address, after too many wrong
// passwords.
func (a *Access) mayTry(by security.Caller) error {
	if err := a.lockout.Check(by.Name, a.now()); err != nil {
		return err
	}
	return a.addresses.Check(by.Network(), a.now())
}

// failed counts a wrong password, and says whether it locks out.
func (a *Access) failed(by security.Caller) bool {
	user := a.lockout.Failed(by.Name, a.now())
	address := a.addresses.Failed(by.Network(), a.now())
	return user || address
}

// open remembers a new session.
func (a *Access) open(ctx context.Context, by security.Caller) (Attempt, error) {
	token, now := security.NewToken(), a.now().Round(0)
	hash := security.HashToken(token)
	s := &session{User: by.Name, Cert: by.Cert, Began: now, Used: now, used: now}
	if err := a.append(ctx, change{Login: s, Token: &hash}); err != nil {
		return Attempt{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.makeRoom(by.Name, now)
	a.sessions[hash] = s
	return Attempt{Token: token}, nil
}

// makeRoom drops sessions that are over, and the oldest of a user who has too
// many.
func (a *Access) makeRoom(user string, now time.Time) {
	var oldest security.TokenHash
	count := 0
	for hash, s := range a.sessions {
		switch {
		case now.After(s.ends()):
			delete(a.sessions, hash)
		case s.User == user:
			if count++; count == 1 || s.Began.Before(a.sessions[oldest].Began) {
				oldest = hash
			}
		}
	}
	if count >= maxSessions {
		delete(a.sessions, oldest)
	}
}

// errNoSession does not tell why: a thief would learn from it.
var errNoSession = rpc.Errorf(rpc.Unauthenticated, "the session is not valid, or not any more: log in")

// Session finds the session of a token. It is good on the connection of the
// certificate that logged in, and on no other.
func (a *Access) Session(token string, by security.Caller, now time.Time) (security.Session, error) {
	hash := security.HashToken(token)
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[hash]
	if s == nil || s.Cert != by.Cert || s.User != by.Name {
		return security.Session{}, errNoSession
	}
	if now.After(s.ends()) {
		delete(a.sessions, hash)
		return security.Session{}, errNoSession
	}
	s.used = now
	if now.Sub(s.Used) >= touchEvery {
		a.touch(hash, s)
	}
	return view(hash, s, a.users[s.User]), nil
}

// Trusted is the session of a user of whom none is asked for.
func (a *Access) Trusted(user string) security.Session {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.users[user]
	return security.Session{User: u.Name, Role: u.Role, Bank: u.Bank, Account: u.Account}
}

func view(hash security.TokenHash, s *session, u site.User) security.Session {
	return security.Session{User: u.Name, Role: u.Role, Bank: u.Bank, Account: u.Account, Ends: s.ends(), Token: hash}
}

// touch has it written down that a session is used; mu is held.
func (a *Access) touch(hash security.TokenHash, s *session) {
	s.Used = s.used.Round(0)
	text, err := json.Marshal(change{Touch: &s.Used, Token: &hash})
	if err == nil {
		_, _ = a.journal.Submit(context.Background(), text) // a journal that has failed ends the gateway
	}
}

// Logout makes a session void, for good before it returns.
func (a *Access) Logout(ctx context.Context, s security.Session) error {
	a.mu.Lock()
	delete(a.sessions, s.Token)
	a.mu.Unlock()
	return a.append(ctx, change{Logout: true, Token: &s.Token})
}
