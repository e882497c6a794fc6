package outbox

// Mutant is a flaw that a hunt must find.
type Mutant string

// The mutants.
const (
	None       Mutant = ""
	Overtaking Mutant = "overtaking" // sends payments while an earlier one from the same account is under way
	Rekeying   Mutant = "rekeying"   // sends under another key than it was given
	Forgetful  Mutant = "forgetful"  // forgets what earlier lives wrote
	Dropping   Mutant = "dropping"   // removes a payment once it is sent
	Untold     Mutant = "untold"     // removes a payment before the user was told
	Volatile   Mutant = "volatile"   // tells of an end that it does not remember
	Unmarked   Mutant = "unmarked"   // does not remember that it has sent
	Ageless    Mutant = "ageless"    // sends payments of any age
)

// Mutants are all of them.
var Mutants = []Mutant{Overtaking, Rekeying, Forgetful, Dropping, Untold, Volatile, Unmarked, Ageless}
