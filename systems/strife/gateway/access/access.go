// Package access is what the gateway remembers of who may come in: users with
// the hashes of their passwords, and sessions with the hashes of their tokens.
// It is durable in a journal of its own, so that sessions outlive the gateway.
package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"dyno/internal/journal"
	"dyno/internal/rpc"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// How long sessions live, and how many a user may have; the oldest goes for one
// more.
const (
	Idle        = 15 * time.Minute
	Absolute    = 8 * time.Hour
	maxSessions = 1024
	// That a session is used is written down so often.
	touchEvery = time.Minute
)

const (
	segment     = 64 << 10
	compactFrom = 4096 // records at the start, from which on they are replaced by a snapshot
)

// session is one that is remembered.
type session struct {
	User  string
	Cert  [32]byte // of the certificate that it is bound to
	Began time.Time
	Used  time.Time // as written down
	used  time.Time
}

// ends is when a session is over.
func (s *session) ends() time.Time {
	ends := s.Began.Add(Absolute)
	if idle := s.used.Add(Idle); idle.Before(ends) {
		return idle
	}
	return ends
}

// change is a record of the journal: one of these happened.
type change struct {
	User   *site.User          `json:"user,omitempty"`   // was added
	Login  *session            `json:"login,omitempty"`  // of the token below
	Touch  *time.Time          `json:"touch,omitempty"`  // the token was used
	Logout bool                `json:"logout,omitempty"` // the token is void
	Token  *security.TokenHash `json:"token,omitempty"`
}

// Access is the table of users and sessions. It is safe for concurrent use.
type Access struct {
	journal *journal.Journal
	hasher  *security.Hasher
	lockout security.Lockout // of users
	now     func() time.Time

	addresses security.Lockout

	mu       sync.Mutex
	users    map[string]site.User
	holders  map[string]string // of accounts, by BANK/NUMBER
	sessions map[security.TokenHash]*session
}

// Options say how to open an [Access].
type Options struct {
	Dir      string
	Identity string
	Users    []site.User     // from the start, beside those that were added
	Hashing  security.Params // of new passwords
	Now      func() time.Time
}

// Open continues what is remembered in a folder.
func Open(o Options) (*Access, error) {
	a := &Access{
		hasher: security.NewHasher(o.Hashing), now: o.Now, addresses: security.Lockout{From: security.AddressFailures},
		users: map[string]site.User{}, holders: map[string]string{}, sessions: map[security.TokenHash]*session{},
	}
	for _, u := range o.Users {
		a.add(u)
	}
	records := 0
	j, r, err := journal.Open(o.Dir, journal.Options{Identity: o.Identity, Segment: segment}, func(e journal.Entry) error {
		records++
		return a.recover(e)
	})
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	a.journal = j
	if records < compactFrom {
		return a, nil
	}
	if err := j.Snapshot(context.Background(), r.Last, a.write); err != nil {
		return nil, errors.Join(fmt.Errorf("access: %w", err), j.Close())
	}
	return a, nil
}

func (a *Access) recover(e journal.Entry) error {
	if e.Snapshot == nil {
		return a.apply(e.Data)
	}
	d := json.NewDecoder(e.Snapshot)
	for d.More() {
		var one json.RawMessage
		err := d.Decode(&one)
		if err == nil {
			err = a.apply(one)
		}
		if err != nil {
			return fmt.Errorf("access: the snapshot through record %d: %w", e.Sequence, err)
		}
	}
	return nil
}

// apply takes in one record.
func (a *Access) apply(text []byte) error {
	var c change
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	if c.User != nil {
		a.add(*c.User)
		return nil
	}
	if c.Token == nil {
		return errors.New("access: a record says nothing")
	}
	s := a.sessions[*c.Token]
	switch {
	case c.Login != nil:
		c.Login.used = c.Login.Used
		a.sessions[*c.Token] = c.Login
	case c.Logout:
		delete(a.sessions, *c.Token)
	case c.Touch != nil && s != nil:
		s.Used, s.used = *c.Touch, *c.Touch
	}
	return nil
}

// write writes all that is worth remembering.
func (a *Access) write(w io.Writer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := json.NewEncoder(w)
	for _, u := range a.users {
		if err := e.Encode(change{User: &u}); err != nil {
			return err
		}
	}
	now := a.now()
	for token, s := range a.sessions {
		if now.After(s.ends()) {
			delete(a.sessions, token)
		} else if err := e.Encode(change{Login: s, Token: &token}); err != nil {
			return err
		}
	}
	return nil
}

func (a *Access) add(u site.User) {
	a.users[u.Name] = u
	if u.Account != "" {
		a.holders[u.Bank+"/"+u.Account] = u.Name
	}
}

// append writes a change down, durably.
func (a *Access) append(ctx context.Context, c change) error {
	text, err := json.Marshal(c)
	if err == nil {
		_, err = a.journal.Append(ctx, text)
	}
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	return nil
}

// Users are all users, by name.
func (a *Access) Users() (all []site.User) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.users {
		all = append(all, u)
	}
	slices.SortFunc(all, func(x, y site.User) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// Free refuses a name or an account that is taken.
func (a *Access) Free(u site.User) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.free(u)
}

func (a *Access) free(u site.User) error {
	if _, taken := a.users[u.Name]; taken {
		return rpc.Errorf(rpc.Precondition, "user: %s is registered already", u.Name)
	}
	if holder, taken := a.holders[u.Bank+"/"+u.Account]; taken && holder != u.Name {
		return rpc.Errorf(rpc.Precondition, "account: it is another user's")
	}
	return nil
}

// Add makes a user known for good, with a password.
func (a *Access) Add(ctx context.Context, u site.User, password string) error {
	if err := security.CheckPassword(password); err != nil {
		return err
	}
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	u.Password = hash
	a.mu.Lock()
	if err = a.free(u); err == nil {
		a.add(u) // at once, so that nobody else takes the name; after a failure the gateway ends
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.append(ctx, change{User: &u})
}

// Close makes everything durable.
func (a *Access) Close() error { return a.journal.Close() }

// Failed is closed when the journal has failed: the gateway must end. Err says why.
func (a *Access) Failed() <-chan struct{} { return a.journal.Failed() }

// Err says why the journal has failed; nil while it has not.
func (a *Access) Err() error {
	if err := a.journal.Err(); err != nil && !errors.Is(err, journal.ErrClosed) {
		return fmt.Errorf("access: %w", err)
	}
	return nil
}
