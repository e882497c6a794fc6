package gateway

import (
	"context"
	"sync"
	"time"

	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
	"dyno/systems/strife/wire"
)

// inquiries are what banks ask about at the moment: the coordinator answers by
// decisions, which are kept from the stream's way for the call that asks. The
// zero value is ready.
type inquiries struct {
	mu    sync.Mutex
	asked map[inquiry]v1.Outcome
	calls int
}

type inquiry struct {
	bank string
	tx   tx.ID
}

// note keeps a decision if somebody asks for it.
func (q *inquiries) note(bank string, d tx.Decide) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := inquiry{bank, d.Tx}
	if _, ok := q.asked[k]; !ok {
		return
	}
	q.asked[k] = v1.Outcome_OUTCOME_ABORTED
	if d.Commit {
		q.asked[k] = v1.Outcome_OUTCOME_COMMITTED
	}
}

// Inquire implements v1.CoordinatorServiceServer. Who asks is the bank that the
// certificate names: it learns nothing of what others take part in. A commit is
// told once it is durable.
func (g *gateway) Inquire(ctx context.Context, req *v1.InquireRequest) (*v1.InquireResponse, error) {
	bank := security.CallOf(ctx).Name
	ids := wire.IDs(req.GetTxs())
	ins := make([]coordinator.In, len(ids))
	for i, id := range ids {
		ins[i] = tx.Inquire{Bank: bank, Tx: id}
	}
	g.inquired.begin(bank, ids)
	err := g.host.Steps(ins...)
	if err == nil {
		err = g.host.Sync(ctx)
	}
	outcomes := g.inquired.end(bank, ids)
	if err != nil {
		return nil, err
	}
	return &v1.InquireResponse{Outcomes: outcomes}, nil
}

func (q *inquiries) begin(bank string, ids []tx.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.calls++; q.asked == nil {
		q.asked = map[inquiry]v1.Outcome{}
	}
	for _, id := range ids {
		if _, ok := q.asked[inquiry{bank, id}]; !ok {
			q.asked[inquiry{bank, id}] = v1.Outcome_OUTCOME_PENDING
		}
	}
}

// end returns what came of the questions. What another call asks too stays
// until the last of them ends.
func (q *inquiries) end(bank string, ids []tx.ID) []v1.Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]v1.Outcome, len(ids))
	for i, id := range ids {
		out[i] = max(q.asked[inquiry{bank, id}], v1.Outcome_OUTCOME_PENDING)
	}
	if q.calls--; q.calls == 0 {
		q.asked = nil
	}
	return out
}

// damage says loudly that a bank had decided otherwise, on an operator's word.
func (g *gateway) damage(a tx.Ack) {
	g.Log.Error("damage: a bank had aborted what was paid", "bank", a.Bank, "tx", a.Tx.String())
	_ = g.Audit.Note(security.Event{Time: time.Now(), What: "damage", Who: a.Bank, Tx: a.Tx.String()})
}
