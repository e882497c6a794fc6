// Package lookasidegrpc makes grpc.NewClient("lookaside:///SERVICE") a channel
// that the look-aside balancer balances. The application calls its generated
// stub as it always did; nothing else of it knows:
//
//	b, err := lookasidegrpc.New(lookasidegrpc.Config{Mode: lookasidegrpc.Ask, Find: find})
//	conn, err := grpc.NewClient("lookaside:///compute", append(b.DialOptions(), creds)...)
//
// # Ask and list
//
// Both modes follow the balancer's list of servers (Watch) and keep a
// connection to each. In [List] the picker chooses from it, without asking
// anybody. In [Ask] an interceptor asks the balancer for every call, before gRPC
// picks a connection: a grpc-go picker must not block, and one that answers "not
// yet" is asked again by every waiting call whenever anything changes. The asks
// that gather while the last frame is under way share the next one
// (PickMany), so under load a frame carries many.
//
// # Guarantees
//
//   - A service without a balancer, or without servers, is UNAVAILABLE at once,
//     by name.
//   - While the balancer cannot be reached, calls use the last list it sent;
//     [Stats] counts them. It is looked for with backoff and jitter, and wherever
//     Find says it is now.
//   - A call that a server broke off (no connection, no answer within
//     Config.Attempt, UNAVAILABLE) is reported to the balancer and, where
//     Config.Retry allows it, made again elsewhere, within a budget. Nothing
//     else is retried.
//
// Nothing is registered in init: [New] registers the balancer's name with gRPC,
// and resolvers are given to a channel by [Builder.DialOptions].
package lookasidegrpc
