package security

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/internal/rpc"
)

// Session is a user who has logged in.
type Session struct {
	User    string
	Role    string // Customer or Admin
	Bank    string // where the account lies; empty: there is none
	Account string
	Ends    time.Time // if it is not used any more

	Token TokenHash // which of the user's sessions it is
}

// Call is one call under way: who makes it, and what its handler notes for the
// log.
type Call struct {
	Caller
	Method  string
	Session Session // empty if the method takes none

	Key     string // hashed
	Tx      string
	Attempt uint32
	Amount  string
}

type callKey struct{}

// CallOf returns the call that a handler's context belongs to.
func CallOf(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{} // the handler runs without a guard, in a test: nobody calls
}

// Guard admits calls, or turns them away, and logs them.
type Guard struct {
	Log   *Log
	Rules map[string]Rule

	// Sessions finds the session of a token that a caller presents. Nil: there
	// are none.
	Sessions func(token string, by Caller, now time.Time) (Session, error)

	// Trusted is the session of a user who has none, where Protection does not ask
	// for one.
	Trusted    func(user string) Session
	Protection Protection

	Calls *Limits
	Slow  *Limits // on calls that check passwords
}

// Bounds of what the holder of a certificate may ask for, and all holders at one
// address: many users may be behind it.
const (
	callsPerSecond        = 20_000
	addressCallsPerSecond = 100_000
	slowPerSecond         = 5
	slowBurst             = 20
	addressSlowPerSecond  = 50
	addressSlowBurst      = 500
)

// NewGuard makes a guard with the rules and bounds of strife.
func NewGuard(log *Log) *Guard {
	return &Guard{
		Log: log, Rules: Rules, Protection: Full,
		Calls: &Limits{
			Holder:  Limiter{PerSecond: callsPerSecond, Burst: callsPerSecond},
			Address: Limiter{PerSecond: addressCallsPerSecond, Burst: addressCallsPerSecond},
		},
		Slow: &Limits{
			Holder:  Limiter{PerSecond: slowPerSecond, Burst: slowBurst},
			Address: Limiter{PerSecond: addressSlowPerSecond, Burst: addressSlowBurst},
		},
	}
}

// Options has a server guarded.
func (g *Guard) Options() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(g.unary), grpc.ChainStreamInterceptor(g.stream)}
}

func (g *Guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	begin := time.Now()
	call := &Call{Method: info.FullMethod}
	err = g.admit(ctx, call, begin)
	if err == nil {
		resp, err = next(context.WithValue(ctx, callKey{}, call), req)
	}
	g.Log.call(ctx, call, req, resp, err, time.Since(begin))
	return resp, err
}

// stream guards a stream as a whole. What travels in it is logged by who
// handles it.
func (g *Guard) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	begin := time.Now()
	call := &Call{Method: info.FullMethod}
	err := g.admit(ss.Context(), call, begin)
	if err == nil {
		g.Log.opened(call)
		err = next(srv, &guarded{ss, context.WithValue(ss.Context(), callKey{}, call)})
	}
	g.Log.call(ss.Context(), call, nil, nil, err, time.Since(begin))
	return err
}

type guarded struct {
	grpc.ServerStream
	ctx context.Context
}

func (g *guarded) Context() context.Context { return g.ctx }

// admit fills in who calls, or says why the call is turned away. Whether an
// account is the user's own is for the handler to look at.
func (g *Guard) admit(ctx context.Context, call *Call, now time.Time) (err error) {
	if g.Protection != Full {
		return g.trust(ctx, call)
	}
	if call.Caller, err = callerOf(ctx); err != nil {
		return err
	}
	if err := g.permits(call); err != nil {
		return err
	}
	rule := g.Rules[call.Method]
	if err := g.limit(rule, call, now); err != nil {
		return err
	}
	if rule.Users == nil {
		return nil
	}
	token, err := bearer(ctx)
	if err == nil {
		call.Session, err = g.Sessions(token, call.Caller, now)
	}
	if err != nil {
		return err
	}
	if !rule.allows(call.Session.Role) {
		return rpc.Errorf(rpc.Denied, "%s is not for users with the role %s", call.Method, call.Session.Role)
	}
	return nil
}

// permits turns away whose certificate is not for a method, and everybody from
// one that has no rule.
func (g *Guard) permits(call *Call) error {
	if rule, ok := g.Rules[call.Method]; !ok || !rule.admits(call.Role) {
		return rpc.Errorf(rpc.Denied, "%s is not for %v", call.Method, call.Party)
	}
	return nil
}

// limit bounds what clients ask for; servers bound each other.
func (g *Guard) limit(rule Rule, call *Call, now time.Time) error {
	if call.Role != Client {
		return nil
	}
	if rule.Slow {
		return g.Slow.Allow(call.Caller, now)
	}
	return g.Calls.Allow(call.Caller, now)
}

const (
	authorization = "authorization"
	bearerPrefix  = "Bearer "
)

// bearer finds the token that a call presents.
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, authorization)
	if len(values) != 1 || !strings.HasPrefix(values[0], bearerPrefix) {
		return "", rpc.Errorf(rpc.Unauthenticated, "a session is needed: log in first")
	}
	return values[0][len(bearerPrefix):], nil
}

// WithToken has a client's call present a session's token.
func WithToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, authorization, bearerPrefix+token)
}

// TokenHash is all that is kept of a session's token.
type TokenHash [sha256.Size]byte

// NewToken makes a token that nobody can guess.
func NewToken() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails, says package rand
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// HashToken is how a token is stored and looked up.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }
