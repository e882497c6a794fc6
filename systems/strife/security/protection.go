package security

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/internal/rpc"
)

// Protection says how a folder's parties protect themselves. Anything but Full
// is for measuring what it costs, and no command line turns it off.
type Protection string

// The levels of protection.
const (
	Full    Protection = "full" // TLS, sessions, rules, limits, a log
	OnlyTLS Protection = "tls"  // certificates say who calls; everybody may do everything, and nothing is logged
	None    Protection = "none" // callers say who they are, in plain text
)

// Protections are all levels.
var Protections = []Protection{Full, OnlyTLS, None}

// believed is where a caller says who it is where nothing proves it.
const believed = "strife-party"

// Claim has every call say who makes it, in place of a certificate.
func Claim(own Party) []grpc.DialOption {
	claim := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, believed, own.String())
	}
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, next grpc.UnaryInvoker,
			opts ...grpc.CallOption,
		) error {
			return next(claim(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer,
			opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return next(claim(ctx), desc, cc, method, opts...)
		}),
	}
}

// claimed believes who a call says it is from.
func claimed(ctx context.Context) (Caller, error) {
	said := metadata.ValueFromIncomingContext(ctx, believed)
	if len(said) != 1 {
		return Caller{}, nil // nobody in particular: somebody who asks whether the server is well
	}
	role, name, _ := strings.Cut(said[0], "/")
	p := Party{Role: Role(role), Name: name}
	if !slices.Contains(roles, p.Role) {
		return Caller{}, rpc.Errorf(rpc.Unauthenticated, "nobody is a %q", role)
	}
	return Caller{Party: p, Cert: sha256.Sum256([]byte(said[0]))}, nil
}

// trust fills in who calls where nobody is turned away.
func (g *Guard) trust(ctx context.Context, call *Call) (err error) {
	if g.Protection == None {
		call.Caller, err = claimed(ctx)
	} else {
		call.Caller, err = callerOf(ctx)
	}
	if err == nil && g.Trusted != nil && call.Role == Client {
		call.Session = g.Trusted(call.Name)
	}
	return err
}

// NoLog is a log that writes nothing.
func NoLog() *Log { return &Log{Logger: slog.New(slog.DiscardHandler)} }
