package server

import (
	"fmt"
	"time"

	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

var outcomes = map[core.Outcome]standbyv1.Outcome{
	core.Done:     standbyv1.Outcome_OUTCOME_DONE,
	core.NotFound: standbyv1.Outcome_OUTCOME_NOT_FOUND,
	core.TooMuch:  standbyv1.Outcome_OUTCOME_TOO_MUCH,
}

func answerOf(r *core.Reply) *standbyv1.Answer {
	return &standbyv1.Answer{Outcome: outcomes[r.Outcome], Balance: r.Balance, Epoch: r.Epoch, Action: r.Action, Repeated: r.Repeated}
}

// refusals say why there is no answer, and what helps.
var refusals = map[core.Outcome]struct {
	reason standbyv1.Refusal_Reason
	text   string
}{
	core.NotPrimary: {standbyv1.Refusal_REASON_NOT_PRIMARY, "%s is not the primary now: try the other server, or again"},
	core.Behind:     {standbyv1.Refusal_REASON_BEHIND, "%s is behind what the client has seen: try again"},
	core.IsLost:     {standbyv1.Refusal_REASON_LOST, "%s: actions that the client has seen are lost; accept-loss goes on without them"},
	core.Forgotten:  {standbyv1.Refusal_REASON_FORGOTTEN, "%s does not remember the client: the request may have been done"},
	core.Invalid: {
		standbyv1.Refusal_REASON_INVALID,
		"%s: a client or a number of 0, an amount below 0, a balance beyond int64, no operation, or the number of another request",
	},
	core.NoStandby: {standbyv1.Refusal_REASON_NO_STANDBY, "%s has lost its standby: start that, or this one with --alone"},
	core.Over:      {standbyv1.Refusal_REASON_OVER, "%s has done a later request of this client"},
}

func (s *server) refusal(r *core.Reply) *standbyv1.Refusal {
	why := refusals[r.Outcome]
	out := &standbyv1.Refusal{Reason: why.reason, Message: fmt.Sprintf(why.text, s.config.Name), Epoch: r.Epoch, Action: r.Action}
	if r.Outcome == core.IsLost {
		out.Lost = &standbyv1.Lost{Epoch: r.Lost.Epoch, First: r.Lost.First, Last: r.Lost.Last}
	}
	return out
}

func reignsOf(reigns []core.Reign) []*standbyv1.Reign {
	out := make([]*standbyv1.Reign, len(reigns))
	for i, r := range reigns {
		out[i] = &standbyv1.Reign{Epoch: r.Epoch, After: r.After}
	}
	return out
}

func toReigns(reigns []*standbyv1.Reign) []core.Reign {
	out := make([]core.Reign, len(reigns))
	for i, r := range reigns {
		out[i] = core.Reign{Epoch: r.GetEpoch(), After: r.GetAfter()}
	}
	return out
}

// requestOf is what a primary, or who wants to be one, tells the other server.
func requestOf(m *core.Message) *standbyv1.ReplicateRequest {
	r := &standbyv1.ReplicateRequest{Epoch: m.Epoch, SentNs: int64(m.Sent)}
	switch m.Kind {
	case core.Hello:
		r.Message = &standbyv1.ReplicateRequest_Hello{Hello: &standbyv1.Hello{Origin: m.Origin, Reigns: reignsOf(m.Reigns), Action: m.Action}}
	case core.Append:
		a := &standbyv1.Append{
			Previous: m.Previous, Checksum: m.Checksum, Action: m.Action, Paired: m.Paired,
			Entries: make([]*standbyv1.Entry, len(m.Entries)),
		}
		all := make([]standbyv1.Entry, len(m.Entries)) // one allocation
		for i, e := range m.Entries {
			p := &all[i]
			p.Epoch, p.Client, p.Number, p.Account, p.Delta = e.Epoch, e.Client, e.Number, e.Account, e.Delta
			p.Checksum, p.Refused = e.Checksum, e.Refused
			a.Entries[i] = p
		}
		r.Message = &standbyv1.ReplicateRequest_Append{Append: a}
	case core.Part:
		c := m.Chunk
		r.Message = &standbyv1.ReplicateRequest_Chunk{Chunk: &standbyv1.Chunk{Action: c.Action, Index: c.Index, Count: c.Count, Data: c.Data}}
	case core.Candidacy:
		r.Message = &standbyv1.ReplicateRequest_Candidacy{Candidacy: &standbyv1.Candidacy{Reigns: reignsOf(m.Reigns), Action: m.Action}}
	}
	return r
}

// fromRequest is its inverse; nil for what is none.
func fromRequest(r *standbyv1.ReplicateRequest) *core.Message {
	m := &core.Message{Epoch: r.GetEpoch(), Sent: time.Duration(r.GetSentNs())}
	switch {
	case r.GetHello() != nil:
		h := r.GetHello()
		m.Kind, m.Origin, m.Reigns, m.Action = core.Hello, h.GetOrigin(), toReigns(h.GetReigns()), h.GetAction()
	case r.GetAppend() != nil:
		a := r.GetAppend()
		m.Kind, m.Previous, m.Checksum, m.Action, m.Paired = core.Append, a.GetPrevious(), a.GetChecksum(), a.GetAction(), a.GetPaired()
		m.Entries = make([]core.Entry, len(a.GetEntries()))
		for i, e := range a.GetEntries() {
			m.Entries[i] = core.Entry{
				ID: a.GetPrevious() + uint64(i) + 1, Epoch: e.GetEpoch(), Client: e.GetClient(), Number: e.GetNumber(),
				Account: e.GetAccount(), Delta: e.GetDelta(), Checksum: e.GetChecksum(), Refused: e.GetRefused(),
			}
		}
	case r.GetChunk() != nil:
		c := r.GetChunk()
		m.Kind, m.Chunk = core.Part, core.Chunk{Action: c.GetAction(), Index: c.GetIndex(), Count: c.GetCount(), Data: c.GetData()}
	case r.GetCandidacy() != nil:
		c := r.GetCandidacy()
		m.Kind, m.Reigns, m.Action = core.Candidacy, toReigns(c.GetReigns()), c.GetAction()
	default:
		return nil
	}
	return m
}

func responseOf(m *core.Message) *standbyv1.ReplicateResponse {
	return &standbyv1.ReplicateResponse{
		Epoch: m.Epoch, Action: m.Action, Checksum: m.Checksum, Gap: m.Gap, Agreed: m.Agreed, SentNs: int64(m.Sent),
		Refuses: m.Refuses, Snapshot: m.Snapshot, Cut: m.Cut, CutEpoch: m.CutEpoch,
	}
}

func fromResponse(r *standbyv1.ReplicateResponse) *core.Message {
	return &core.Message{
		Kind: core.Position, Epoch: r.GetEpoch(), Action: r.GetAction(), Checksum: r.GetChecksum(), Gap: r.GetGap(), Agreed: r.GetAgreed(),
		Sent: time.Duration(r.GetSentNs()), Refuses: r.GetRefuses(), Snapshot: r.GetSnapshot(), Cut: r.GetCut(), CutEpoch: r.GetCutEpoch(),
	}
}
