package general

import (
	"crypto/ed25519"
	"encoding/binary"
)

// Keys are what signing takes.
type Keys struct {
	Run     uint64 // goes into every signature, so that none can be used in another run
	Public  []ed25519.PublicKey
	Private ed25519.PrivateKey // this general's own
}

// statement is what general number i of a path signs: the run, the value, and
// the path up to itself.
func (k Keys) statement(m Message, i int) []byte {
	b := binary.BigEndian.AppendUint64([]byte("dyno byzantine sm\x00"), k.Run)
	b = append(b, byte(m.Value))
	return append(b, m.Path[:i+1]...)
}

// Seal signs a message in the name of its path's last general, who must be
// this one. Signatures of the others are kept as they are.
func (k Keys) Seal(m Message) Message {
	i := len(m.Path) - 1
	seals := make([]byte, 0, (i+1)*ed25519.SignatureSize)
	seals = append(seals, m.Seals[:min(len(m.Seals), i*ed25519.SignatureSize)]...)
	m.Seals = append(seals, ed25519.Sign(k.Private, k.statement(m, i))...)
	return m
}

// sealed reports whether everybody on the path signed the message.
func (k Keys) sealed(m Message) bool {
	if len(m.Seals) != len(m.Path)*ed25519.SignatureSize {
		return false
	}
	for i := range len(m.Path) {
		if !ed25519.Verify(k.Public[m.Path[i]], k.statement(m, i), m.Seals[i*ed25519.SignatureSize:(i+1)*ed25519.SignatureSize]) {
			return false
		}
	}
	return true
}

// signedMessages is SM(t) of the same authors: nobody can alter what a loyal
// general said, only keep it to himself.
var signedMessages = Algorithm{
	Name:       "sm",
	Summary:    "signed messages, chains of ed25519 signatures",
	Signs:      true,
	Guarantees: func(n, t int) bool { return t <= n-2 },
	Condition:  "t ≤ n−2",
	Rounds:     func(t int) int { return t + 1 },
	Talk:       broadcastTalk,
	Messages:   func(Config, int) int64 { return -1 },
	New:        func(c Config) Protocol { return &sm{Config: c} },
}

// sm is one loyal general in SM(t).
type sm struct {
	Config
	news  []Message // accepted in this round with a value that was new
	known [2]bool   // the values for which there is the commander's signature
	tally Tally
}

// Step implements [Protocol].
func (s *sm) Step(round int, inbox []Delivery) []Parcel {
	s.news = s.news[:0]
	for _, d := range inbox {
		s.receive(round, d)
	}
	switch {
	case round > s.T:
		return nil
	case round > 0:
		return s.relay()
	case s.Me == s.Commander:
		m := s.Keys.Seal(Message{Path: string([]byte{byte(s.Me)}), Value: s.Order})
		return []Parcel{{Message: m, To: s.everyone() &^ Only(s.Me)}}
	}
	return nil
}

func (s *sm) receive(round int, d Delivery) {
	if round > s.T+1 {
		round = 0
	}
	why, ok := s.screen(round, d)
	switch {
	case ok && int(d.Path[0]) != s.Commander:
		why, ok = WrongPath, false
	case ok && !s.known[d.Value] && !s.Keys.sealed(d.Message):
		why, ok = BadSeal, false
	}
	if !ok {
		s.tally.Drops[why]++
		return
	}
	s.tally.accept(round)
	if !s.known[d.Value] {
		s.known[d.Value] = true
		s.news = append(s.news, d.Message)
	}
}

// relay passes on each value that is new, to those who have not signed it.
func (s *sm) relay() []Parcel {
	var out []Parcel
	for _, m := range s.news {
		on, _ := Members(m.Path, s.N)
		m.Path += string([]byte{byte(s.Me)})
		if to := s.everyone() &^ on &^ Only(s.Me); to != 0 {
			out = append(out, Parcel{Message: s.Keys.Seal(m), To: to})
		}
	}
	return out
}

// Decide implements [Protocol]: the one order that the commander signed, and
// retreat if there is none or more than one.
func (s *sm) Decide() Decision {
	switch {
	case s.Me == s.Commander:
		return Decision{Value: s.Order}
	case s.known[Attack] && !s.known[Retreat]:
		return Decision{Value: Attack}
	}
	return Decision{Value: Retreat}
}

// Tally implements [Protocol].
func (s *sm) Tally() Tally { return s.tally }

// Seal lets a traitor sign what he has altered; the signatures of others on it
// will not fit.
func (s *sm) Seal(m Message) Message { return s.Keys.Seal(m) }
