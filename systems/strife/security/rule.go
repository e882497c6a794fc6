package security

import (
	"slices"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	oldreflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	v1 "dyno/proto/strife/v1"
)

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
