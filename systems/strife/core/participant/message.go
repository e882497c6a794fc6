package participant

import (
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// In is what happens to a participant: [tx.Prepare], [tx.Decide] and
// [tx.Balance] from the gateway, [tx.Ask] and [tx.Told] from other banks, [Open],
// [Resolve], [GatewayUp] and [DiskLow] from the shell. Requests are numbers of the shell's choice, which come back in the answers.
type In any

// Out is what a participant wants: [ToGateway], [ToBank], [Balance], [Opened]
// or [Resolved].
type Out any

// ToGateway is a [tx.Vote], [tx.Ack] or [tx.Inquire] for the gateway.
type ToGateway struct{ Message any }

// ToBank is a [tx.Ask] or [tx.Told] for another bank.
type ToBank struct {
	Bank    string
	Message any
}

// Open opens an account, once: it may be repeated at each start.
type Open struct {
	Request  uint64
	Account  string
	Owner    string
	Currency money.Currency
	Opening  int64 // its first balance, in minor units, at least 0
	Limit    int64 // it never has more; 0: 2^60
}

// Opened answers an [Open].
type Opened struct {
	Request uint64
	Same    bool // it is as it was asked for, now or before: owner and currency
	Reason  tx.Reason
}

// Balance answers a [tx.Balance]. What it shows is durable.
type Balance struct {
	Request  uint64
	Account  string
	Found    bool
	Owner    string
	Currency money.Currency
	Opening  int64 // with which it was opened
	Posted   int64
	Held     int64 // of it, for payments in doubt: what is available is the rest
}

// Resolve decides what is in doubt by an operator's word: it may contradict the
// gateway, which is damage, and is written down for good.
type Resolve struct {
	Request uint64
	Tx      tx.ID
	Commit  bool
	By, Why string
}

// Resolved answers a [Resolve]: how the transaction stands now. A decision that
// was there already stays.
type Resolved struct {
	Request uint64
	State   tx.State
	Done    bool // by this call
}

// GatewayUp says that there is a connection to the gateway again: it is asked at
// once about all that is in doubt.
type GatewayUp struct{}

// DiskLow says whether the disk is nearly full: nothing is promised then, while
// what is in doubt has room to end.
type DiskLow struct{ Low bool }

// Doubt is a transaction in doubt.
type Doubt struct {
	Tx   tx.ID
	Legs []tx.Leg
}
