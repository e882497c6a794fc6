package security

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	oldreflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
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

// What users may be.
const (
	Customer = "customer"
	Admin    = "admin"
)

// Rule says who may call a method.
type Rule struct {
	From  []Role   // by certificate
	Users []string // by what the session's user is; nil: it takes no session
	Slow  bool     // it checks a password: few per second
}

var (
	anybody      = Rule{From: roles}
	stranger     = Rule{From: []Role{Client}, Slow: true}
	anyUser      = Rule{From: []Role{Client}, Users: []string{Customer, Admin}}
	customer     = Rule{From: []Role{Client}, Users: []string{Customer}}
	admin        = Rule{From: []Role{Client}, Users: []string{Admin}}
	onlyBanks    = Rule{From: []Role{Bank}}
	onlyGateways = Rule{From: []Role{Gateway}}
)

// Rules are all that may be called, by full method name. A method without a
// rule is denied to everybody.
var Rules = map[string]Rule{
	v1.GatewayService_Register_FullMethodName:      stranger,
	v1.GatewayService_Login_FullMethodName:         stranger,
	v1.GatewayService_Logout_FullMethodName:        anyUser,
	v1.GatewayService_WhoAmI_FullMethodName:        anyUser,
	v1.GatewayService_Pay_FullMethodName:           customer,
	v1.GatewayService_GetPayment_FullMethodName:    customer,
	v1.GatewayService_CancelPayment_FullMethodName: customer,
	v1.GatewayService_GetBalance_FullMethodName:    customer,
	v1.GatewayService_ListPayments_FullMethodName:  customer,

	v1.AdminService_AddUser_FullMethodName:      admin,
	v1.AdminService_ListAccounts_FullMethodName: admin,
	v1.AdminService_ListInDoubt_FullMethodName:  admin,
	v1.AdminService_Resolve_FullMethodName:      admin,

	v1.CoordinatorService_Inquire_FullMethodName: onlyBanks,

	v1.BankService_Exchange_FullMethodName:     onlyGateways,
	v1.BankService_CheckAccount_FullMethodName: onlyGateways,
	v1.BankService_ReadBalance_FullMethodName:  onlyGateways,
	v1.BankService_ListDoubts_FullMethodName:   onlyGateways,
	v1.BankService_Settle_FullMethodName:       onlyGateways,

	v1.PeerService_AskOutcome_FullMethodName: onlyBanks,

	healthpb.Health_Check_FullMethodName:                                 anybody,
	healthpb.Health_List_FullMethodName:                                  anybody,
	healthpb.Health_Watch_FullMethodName:                                 anybody,
	reflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName:    anybody,
	oldreflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName: anybody,
}

// admits reports whether a certificate's role may call at all.
func (r Rule) admits(role Role) bool { return slices.Contains(r.From, role) }

// allows reports whether a user of some kind may.
func (r Rule) allows(user string) bool { return r.Users == nil || slices.Contains(r.Users, user) }
