package play

import (
	"strconv"
	"strings"

	"dyno/internal/record"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/eig"
	"dyno/systems/byzantine/core/general"
)

// The checks of a run, by name.
const (
	checkAgreement = "agreement"
	checkValidity  = "validity"
	checkMessages  = "messages"
	checkBatches   = "batches"
	checkPunctual  = "punctual"
)

// Checks holds a run against everything it promises. Without a guarantee
// agreement and validity are figures, not promises.
func (o *Outcome) Checks() []record.Check {
	var out []record.Check
	if o.Guaranteed() {
		v, loyal := o.Verdict(), int64(o.Judged().Loyal().Len())
		out = append(out, held(checkAgreement, loyal, v.Agreement, "the loyal generals do not decide the same"),
			held(checkValidity, loyal, v.Validity, "the loyal generals do not do what a loyal commander ordered"))
	}
	if o.Resolver == ResolvePruned {
		return out // no message is carried that could be counted
	}
	if o.Resolver == ResolveFast {
		return append(out, o.checkMessages()...)
	}
	want, got := o.batches(), o.Physical
	if o.Refused > 0 || (got < want && o.Lost == 0) {
		return append(out, record.Doubt(checkPunctual, want,
			"%d of %d batches did not arrive in time: the machine is too slow for rounds of %v", want-got, want, o.Timeout))
	}
	if o.Lost == 0 {
		out = append(out, o.checkBatches(want))
	}
	return append(out, o.checkMessages()...)
}

func held(name string, n int64, ok bool, detail string) record.Check {
	if !ok {
		return record.Fail(name, n, "%s", detail)
	}
	return record.Pass(name, n)
}

// batches is how many batches there must be when nobody keeps quiet.
func (o *Outcome) batches() int64 {
	if o.Adversary.Silent && o.Traitors != 0 {
		return o.Physical // how many, is the traitors' affair
	}
	var n int64
	for round := 1; round <= o.Algorithm.Rounds(o.T); round++ {
		senders, receivers := o.Algorithm.Talk(o.Config(0), round)
		for id := range senders.All() {
			n += int64((receivers &^ general.Only(id)).Len())
		}
	}
	return n
}

func (o *Outcome) checkBatches(want int64) record.Check {
	if o.Physical != want {
		return record.Fail(checkBatches, want, "%d batches were sent, the formula says %d", o.Physical, want)
	}
	return record.Pass(checkBatches, want)
}

// checkMessages: every round carried as many values as the formula says. There
// is nothing to hold them against when somebody was silent, nor of signed
// messages: how many there are depends on what is said.
func (o *Outcome) checkMessages() []record.Check {
	if o.Algorithm.Messages(o.Config(0), 1) < 0 || o.Lost != 0 || o.Adversary.Silent && o.Traitors != 0 {
		return nil
	}
	var n int64
	for i, got := range o.Messages {
		n += got
		if want := o.Algorithm.Messages(o.Config(0), i+1); got != want {
			return []record.Check{record.Fail(checkMessages, got, "round %d carried %d values, the formula says %d", i+1, got, want)}
		}
	}
	return []record.Check{record.Pass(checkMessages, n)}
}

// More checks, of trials only.
const (
	checkDecided = "decided"
	checkTwin    = "twin"
)

// checkDecided: every loyal general told its decision, and that is an order.
func (o *Outcome) CheckDecided() record.Check {
	if o.Lost != 0 {
		return record.Fail(checkDecided, int64(o.N), "generals %s did not tell their decision", Ids(o.Lost))
	}
	for id := range o.Loyal().All() {
		if v := o.Decisions[id].Value; v > general.Attack && !o.Interactive {
			return record.Fail(checkDecided, int64(o.N), "general %d decided neither to attack nor to retreat", id)
		}
	}
	return record.Pass(checkDecided, int64(o.Loyal().Len()))
}

// checkTwin: the loyal generals decided what they decide when the same run is
// resolved in another way: oral messages all at once, a bit per general, and
// others by the same cores in memory. It holds with and without a guarantee.
// Runs that were played by the cores in memory and are not of oral messages
// have no twin, nor has a run in which something came late.
func (o *Outcome) CheckTwin() []record.Check {
	var decided general.Set
	switch broadcast := o.Algorithm.Name == "om" && !o.Interactive && !o.Flat; {
	case o.Refused > 0 || o.Physical < o.batches() && o.Resolver == ResolveMessages:
		return nil
	case broadcast && o.Resolver == ResolveMessages:
		decided, _ = eig.Full(o.game())
	case broadcast && o.Resolver == ResolveFast && o.Guaranteed():
		decided = eig.Pruned(o.game())
	case o.Bytes > 0:
		for id, d := range council.Run(o.Plan).Decisions {
			decided |= general.Set(d.Value) << id
		}
	default:
		return nil
	}
	loyal := o.Loyal()
	for id := range loyal.All() {
		if got := o.Decisions[id].Value; got != decided.At(id) {
			return []record.Check{record.Fail(checkTwin, int64(loyal.Len()),
				"general %d decides to %s, in the twin run to %s (traitors %s, seed %d)", id, got, decided.At(id), Ids(o.Traitors), o.Seed)}
		}
	}
	return []record.Check{record.Pass(checkTwin, int64(loyal.Len()))}
}

// Ids lists a set, for example "1 2 5".
func Ids(s general.Set) string {
	var out []string
	for id := range s.All() {
		out = append(out, strconv.Itoa(id))
	}
	return strings.Join(out, " ")
}

// Traffic is a number of batches and what they hold.
type Traffic struct {
	Batches int64 `json:"batches"`
	Bytes   int64 `json:"bytes"`
	Values  int64 `json:"values"`
}

// Add adds up.
func (t *Traffic) Add(u Traffic) {
	t.Batches += u.Batches
	t.Bytes += u.Bytes
	t.Values += u.Values
}

// FromTraffic reads what a general says of its traffic.
func FromTraffic(t *byzantinev1.Traffic) Traffic {
	return Traffic{Batches: t.GetBatches(), Bytes: t.GetBytes(), Values: t.GetValues()}
}
