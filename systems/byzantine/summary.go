package byzantine

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// summary is what run prints with --json. Scripts rely on the names.
type summary struct {
	N                int               `json:"n"`
	T                int               `json:"t"`
	Order            string            `json:"order"`
	Commander        int               `json:"commander"`
	Traitors         []int             `json:"traitors"`
	Adversary        string            `json:"adversary"`
	Algorithm        string            `json:"algorithm"`
	Decisions        map[string]string `json:"decisions"` // of every loyal general
	Decision         string            `json:"decision"`  // attack, retreat or none
	Agreement        bool              `json:"agreement"`
	Validity         bool              `json:"validity"`
	MessagesPerRound []int64           `json:"messages_per_round"` // values carried; none when paths were pruned
	PhysicalMessages int64             `json:"physical_messages"`  // batches; none when nothing was sent
	Guaranteed       bool              `json:"guaranteed"`
	Lost             []int             `json:"lost,omitempty"` // whose processes ended
	Initial          []string          `json:"initial,omitempty"`
	Vector           []string          `json:"vector,omitempty"` // interactive: what all loyal generals hold, if they agree
}

func newSummary(o *play.Outcome) summary {
	v := o.Verdict()
	s := summary{
		N: o.N, T: o.T, Order: o.Order.String(), Commander: o.Commander,
		Traitors: slices.AppendSeq([]int{}, o.Traitors.All()), Lost: slices.Collect(o.Lost.All()),
		Adversary: o.Adversary.Name, Algorithm: o.Algorithm.Name,
		Decisions: make(map[string]string), Decision: "none",
		Agreement: v.Agreement, Validity: v.Validity,
		MessagesPerRound: append([]int64{}, o.Messages...), PhysicalMessages: o.Physical,
		Guaranteed: o.Guaranteed(), Initial: words(o.Initial),
	}
	for id := range o.Judged().Loyal().All() {
		s.Decisions[strconv.Itoa(id)] = o.Decisions[id].Value.String()
		if v.Agreement {
			s.Decision = v.Decision.String()
			s.Vector = words(o.Decisions[id].Vector)
		}
	}
	return s
}

func words(values []general.Value) []string {
	var out []string
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}

func printJSON(w io.Writer, o *play.Outcome) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(newSummary(o))
}
