package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/metadata"

	"dyno/internal/atomicfile"
)

// Session is what a login leaves, in a file that only its owner may read.
type Session struct {
	User     string `json:"user"`
	Token    string `json:"token"`
	Account  string `json:"account,omitempty"`  // BANK/ACCOUNT; an admin has none
	Currency string `json:"currency,omitempty"` // of the account
}

func sessionPath(home string) string { return filepath.Join(home, "session") }

// ErrLogin says that there is no session.
var ErrLogin = errors.New("a login is needed")

// ReadSession reads the session of a user's folder. The error is [ErrLogin] if
// there is none.
func ReadSession(home string) (s Session, err error) {
	text, err := os.ReadFile(sessionPath(home))
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrLogin
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("%w: the session cannot be read: %w", ErrLogin, err)
	}
	return s, nil
}

// Write keeps a session.
func (s Session) Write(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return atomicfile.WritePrivate(sessionPath(home), append(text, '\n'))
}

// ForgetSession removes the session of a user's folder.
func ForgetSession(home string) error {
	err := os.Remove(sessionPath(home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// With adds the session to the metadata of a call.
func (s Session) With(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.Token)
}

// sessionPoll is how often a client that waits for a login looks for a new
// session.
const sessionPoll = 250 * time.Millisecond

// AwaitSession returns once the folder holds another session than old, or the
// context has ended.
func AwaitSession(ctx context.Context, home string, old Session) {
	tick := time.NewTicker(sessionPoll)
	defer tick.Stop()
	for {
		if s, err := ReadSession(home); err == nil && s.Token != old.Token {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
