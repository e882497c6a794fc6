package tx

// Reason says why something is not done.
type Reason uint8

// The reasons. Those of a bank's business are final: a payment that met one is
// declined, and stays so. Those of a system pass: the same payment may be tried
// again.
const (
	NoReason        Reason = iota
	Funds                  // the account has not enough that is free
	NoAccount              // the bank has no such account
	WrongCurrency          // the account is in another currency
	Limit                  // the receiver would have more than it may
	Closed                 // the account takes part in nothing
	Full                   // a system's: the disk of a bank or of the gateway is full
	Busy                   // a system's: as much is under way as may be
	Stale                  // a system's: the attempt is already over
	Timeout                // a bank did not answer in time
	Unreachable            // a bank is not connected
	BadAmount              // not above 0, or above the cap
	SameAccount            // from and to are one account
	UnknownBank            // the gateway knows no such bank
	OtherPayment           // the key stands for another payment
	BadLegs                // a bank is asked for what cannot be: a fault of the gateway
	BadName                // a user, key or account is empty or too long
	numberOfReasons        // not one
)

var reasons = [numberOfReasons]string{
	"", "insufficient funds", "no such account", "the account is in another currency", "the account would go over its limit",
	"the account is closed", "the disk is full", "too much is under way", "the attempt is over", "a bank did not answer in time",
	"a bank cannot be reached", "the amount must be above 0 and within the cap", "the two accounts are the same", "no such bank",
	"the key was used for another payment", "the legs of the transaction make no sense", "a name is empty or too long",
}

// Business reports whether the reason is final.
func (r Reason) Business() bool { return r >= Funds && r <= Closed }

// String says it in words.
func (r Reason) String() string {
	if r >= numberOfReasons {
		return "unknown reason"
	}
	return reasons[r]
}
