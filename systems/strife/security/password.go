package security

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"dyno/internal/rpc"
)

// Params are the cost of a password's hash: memory in KiB, passes, lanes.
type Params struct {
	Memory, Time uint32
	Lanes        uint8
}

// Recommended is OWASP's minimum for argon2id.
var Recommended = Params{Memory: 19 << 10, Time: 2, Lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32
	// Passwords are bounded, so that hashing one is.
	minPassword, maxPassword = 8, 128
	phc                      = "$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s"
)

var encoding = base64.RawStdEncoding

// CheckPassword refuses what is too short or too long to be one.
func CheckPassword(password string) error {
	if n := len(password); n < minPassword || n > maxPassword {
		return rpc.InvalidField("password", "has %d bytes; want %d to %d", n, minPassword, maxPassword)
	}
	return nil
}

// Hash makes of a password what may be stored, as a PHC string with a salt of
// its own.
func (p Params) Hash(password string) string {
	var salt [saltBytes]byte
	_, _ = rand.Read(salt[:]) // never fails, says package rand
	hash := argon2.IDKey([]byte(password), salt[:], p.Time, p.Memory, p.Lanes, hashBytes)
	return fmt.Sprintf(phc, p.Memory, p.Time, p.Lanes, encoding.EncodeToString(salt[:]), encoding.EncodeToString(hash))
}

// matches compares a password with a stored hash, in constant time.
func matches(stored, password string) bool {
	var p Params
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Lanes); err != nil || p.Time < 1 || p.Lanes < 1 {
		return false
	}
	salt, err := encoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := encoding.DecodeString(parts[5])
	if err != nil || len(want) != hashBytes {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Lanes, hashBytes)
	return subtle.ConstantTimeCompare(got, want) == 1
}

// Hasher checks and hashes passwords, a few at a time: each costs memory and
// processor time, and whoever is not logged in may ask for it.
type Hasher struct {
	turns  chan struct{}
	params Params
	nobody string // the hash of no password, for users that are not there
}

// How many hash at once, and how long others wait for their turn.
const (
	hashers      = 2
	hashPatience = 2 * time.Second
)

// NewHasher makes a hasher that makes hashes of some cost.
func NewHasher(p Params) *Hasher {
	return &Hasher{turns: make(chan struct{}, hashers), params: p, nobody: p.Hash(rand.Text())}
}

// Verify says whether a password is the one that was stored; for a user that is
// not there, stored is empty, and it takes as long. An error of may, which is
// asked once it is this password's turn, is returned: what others tried while
// this one waited counts.
func (h *Hasher) Verify(ctx context.Context, stored, password string, may func() error) (ok bool, err error) {
	known := stored != ""
	if !known {
		stored = h.nobody
	}
	err = h.turn(ctx, func() error {
		if err := may(); err != nil {
			return err
		}
		ok = matches(stored, password)
		return nil
	})
	return ok && known, err
}

// Hash makes of a password what may be stored.
func (h *Hasher) Hash(ctx context.Context, password string) (stored string, err error) {
	err = h.turn(ctx, func() error { stored = h.params.Hash(password); return nil })
	return stored, err
}

func (h *Hasher) turn(ctx context.Context, work func() error) error {
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
		return work()
	case <-patience.C:
		return &rpc.Error{Kind: rpc.Refused, Message: "too many passwords are being checked", RetryAfter: hashPatience}
	case <-ctx.Done():
		return ctx.Err()
	}
}
