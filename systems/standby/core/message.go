package core

import "time"

// In is what can happen to a server: a [Request], a [Message], a [Granted], an
// [Accept].
type In interface{ input() }

func (*Request) input() {}
func (*Message) input() {}
func (Granted) input()  {}
func (Accept) input()   {}

// Kind is what a client wants.
type Kind uint8

// The kinds.
const (
	Lookup Kind = iota + 1
	Withdraw
	Deposit
)

// Request is a client's.
type Request struct {
	Ref            uint64 // the shell's, for the reply
	Client, Number uint64
	SeenEpoch      uint64 // the newest state that the client has seen
	SeenAction     uint64
	Promote        bool // the other server does not answer
	Kind           Kind
	Account        string
	Amount         int64
}

// Accept is an operator's: losses so far are known.
type Accept struct{ Ref uint64 }

// Outcome is what became of a request.
type Outcome uint8

// The outcomes. The first three are answers, the others refusals.
const (
	Done Outcome = iota + 1
	NotFound
	TooMuch
	NotPrimary
	Behind
	IsLost
	Forgotten
	Invalid
	NoStandby
	Over
)

// Reply is what a request gets.
type Reply struct {
	Ref      uint64
	Outcome  Outcome
	Balance  int64
	Epoch    uint64 // of who answers; of an action that was done: its own
	Action   uint64
	Repeated bool
	Lost     Lost
	// Until is when the right to say this ends, by the core's clock; 0: never. A
	// reply that is late must not be sent.
	Until time.Duration
}

// MessageKind is what one server tells the other.
type MessageKind uint8

// The kinds. Position is the only one that a standby sends.
const (
	Hello MessageKind = iota + 1
	Append
	Part
	Candidacy
	Position
)

// Message goes from one server to the other.
type Message struct {
	Kind  MessageKind
	Epoch uint64

	Origin   uint64        // Hello: of the accounts
	Reigns   []Reign       // Hello, Candidacy
	Action   uint64        // the sender's last; of Position: that it has durably
	Previous uint64        // Append: what the entries follow
	Checksum uint64        // Append: up to there; Position: up to Action
	Entries  []Entry       // Append; none: a heartbeat
	Paired   bool          // Append: the standby has all that was acknowledged
	Sent     time.Duration // by the primary's clock, and returned
	Chunk    Chunk         // Part

	Gap      bool   // Position: begin again with a Hello
	Snapshot bool   // Position: it needs one
	Agreed   bool   // Position: to a candidacy
	Refuses  bool   // Position: it began with other accounts
	Cut      uint64 // Position: actions that it has cut
	CutEpoch uint64 // Position: of the last of them
}

// Ask is a request to the witness.
type Ask struct {
	Server   string
	Sequence uint64 // counts those of one life
	Epoch    uint64 // held; 0: a new one is asked for
	Above    uint64 // that it must be above
	Alone    bool   // the other server may lack what is acknowledged
	Lease    time.Duration
}

// Granted is the witness's answer, or no.
type Granted struct {
	Sequence uint64 // of the request
	Granted  bool
	Epoch    uint64 // granted, or held by somebody
	Holder   string
	Alone    bool
	Wait     time.Duration // until asking makes sense
}

// Out is one thing that a server wants told.
type Out struct {
	Reply   *Reply
	Message *Message
	Ask     *Ask
}
