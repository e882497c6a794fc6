package simulator

import (
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// The crash points of the fault matrix, by its letters. S and R are the sender's
// and the receiver's bank.
type matrixPoint struct{ name, point string }

var gatewayStrikes = []matrixPoint{
	{"G1", "received-pay"},    // a payment has come, and nothing has happened
	{"G2 G3", "sent-prepare"}, // one bank is asked, or both
	{"G4", "before-commit"},   // all have voted yes, and nothing is written
	{"G5", "unsynced-commit"}, // the commit record is written and not synced
	{"G6", "after-commit"},    // it is durable, and nobody knows
	{"G7", "sent-commit"},     // one bank knows
	{"G8", "applied-ack"},     // banks have acknowledged, and that is not written
	{"G9", "before-epoch"},    // in recovery, before the new epoch is written
	{"G9", "unsynced-epoch"},  // and before it is durable
	{"G10", "after-decline"},  // the refusal is durable, and nobody knows
	{"G10", "unsynced-decline"},
	{"G11", "after-cancel"}, // the same of a cancellation
	{"G11", "unsynced-cancel"},
	{"G12", "sent-reply"},
}

var bankStrikes = []matrixPoint{
	{"S1 R1", "before-prepared"},   // it is about to promise, and nothing is written
	{"S1 R1", "unsynced-prepared"}, // the promise is written and not synced
	{"S2 R2", "after-prepared"},    // the promise is durable, and nobody knows
	{"S3 R3", "sent-yes"},          // it has voted
	{"S4 R4", "received-commit"},   // the decision has come, and nothing is written
	{"S4 R4", "unsynced-committed"},
	{"S5 R5", "after-committed"}, // it is carried out durably, and nobody knows
	{"S5 R5", "sent-ack"},
	{"S6 R6", "applied-abort"},  // the hold is released, and nothing is written
	{"S8 R8", "before-refused"}, // it is about to refuse for good
	{"S8 R8", "after-refused"},
	{"S8 R8", "unsynced-refused"},
	{"S8 R8", "sent-told"}, // a peer was told
}

var gatewayPoints = points[coordinator.In, coordinator.Out]{
	input: func(in coordinator.In) string {
		switch in.(type) {
		case coordinator.Pay:
			return "pay"
		case tx.Vote:
			return "vote"
		case tx.Ack:
			return "ack"
		case tx.Inquire:
			return "inquire"
		case coordinator.Cancel:
			return "cancel"
		}
		return ""
	},
	record: func(record []byte) string {
		return [...]string{"", "epoch", "", "commit", "decline", "cancel", "end"}[record[0]]
	},
	output: func(out coordinator.Out) (rests, is string) {
		switch out := out.(type) {
		case coordinator.Reply:
			if out.Replayed {
				return "", "replay"
			}
			status := out.Receipt.Status
			return map[coordinator.Status]string{coordinator.Paid: "commit", coordinator.Declined: "decline", coordinator.Cancelled: "cancel"}[status], "reply"
		case coordinator.ToBank:
			switch m := out.Message.(type) {
			case tx.Prepare:
				return "", "prepare"
			case tx.Decide:
				return "", decision(m.Commit)
			}
		}
		return "", ""
	},
}

func decision(commit bool) string {
	if commit {
		return "commit"
	}
	return "abort"
}

var bankPoints = points[participant.In, participant.Out]{
	input: func(in participant.In) string {
		switch in := in.(type) {
		case tx.Prepare:
			return "prepare"
		case tx.Decide:
			return decision(in.Commit)
		case tx.Ask:
			return "ask"
		case tx.Told:
			return "told"
		}
		return ""
	},
	record: func(record []byte) string {
		return [...]string{"", "", "", "prepared", "committed", "aborted", "refused", "resolved"}[record[0]]
	},
	output: func(out participant.Out) (rests, is string) {
		switch out := out.(type) {
		case participant.ToGateway:
			switch m := out.Message.(type) {
			case tx.Vote:
				if m.Yes {
					return "prepared", "yes"
				}
				return "", "no"
			case tx.Ack:
				return "committed", "ack"
			case tx.Inquire:
				return "", "inquire"
			}
		case participant.ToBank:
			if _, told := out.Message.(tx.Told); told {
				return "refused", "told"
			}
			return "", "ask"
		}
		return "", ""
	},
}
