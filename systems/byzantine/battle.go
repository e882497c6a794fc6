package byzantine

import (
	"math"
	"time"

	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/eig"
	"dyno/systems/byzantine/core/general"
)

// Limits of what is played.
const (
	maxTranscript = 20_000  // messages that one general, or a run in memory, writes down
	maxPassed     = 8 << 20 // values that generals in memory pass on one by one
	maxCounted    = 1 << 34 // values that the fast resolver counts: some 20 s
	maxQuick      = 1 << 28 // values beyond which the pruned resolver is preferred
	maxPruned     = 12      // traitors whose paths the pruned resolver follows
)

// How a run finds its decisions.
const (
	resolveAuto     = "auto"     // whatever suits size and transport
	resolveMessages = "messages" // the generals pass every message on, and each resolves its own
	resolveFlat     = "flat"     // the same, by the flat majority
	resolveFast     = "fast"     // package eig
	resolvePruned   = "pruned"
)

// battle is a run to be fought: a plan, and how.
type battle struct {
	council.Plan
	adversary adversary.Adversary
	seed      uint64 // of the adversary
	timeout   time.Duration
	resolver  string
	kill      int // general whose process dies, -1: none
	killIn    int // in the middle of this round
	log       bool
}

// outcome is what came of it.
type outcome struct {
	battle
	council.Result
	Lost    general.Set // whose process ended
	Bytes   int64       // of all batches; 0 in memory
	Refused int64       // batches that came too late

	// What the senders told, for the receivers' counts to be held against.
	Sent       traffic
	Unanswered traffic // of that, what may not have arrived in time
	TurnedAway traffic // what receivers count as refused

	Took    time.Duration
	Watched time.Duration // as whoever waited for the decisions saw it
	Log     []entry
	Cut     bool // the log is not complete
}

// entry is something that was said: to whom, and along which path.
type entry struct {
	round int
	path  string
	value general.Value
	to    general.Set
}

// faulty are all who are not held to anything.
func (o *outcome) faulty() general.Set { return o.Traitors | o.Lost }

// judged is the plan by which a run is judged: who was lost counts as a traitor.
func (o *outcome) judged() council.Plan {
	p := o.Plan
	p.Traitors = o.faulty()
	return p
}

func (o *outcome) verdict() council.Verdict { return o.judged().Judge(o.Decisions) }

func (o *outcome) guaranteed() bool { return o.judged().Guaranteed() }

// The checks of a run, by name.
const (
	checkAgreement = "agreement"
	checkValidity  = "validity"
	checkMessages  = "messages"
	checkBatches   = "batches"
	checkPunctual  = "punctual"
)

// checks holds a run against everything it promises. Without a guarantee
// agreement and validity are figures, not promises.
func (o *outcome) checks() []record.Check {
	var out []record.Check
	if o.guaranteed() {
		v, loyal := o.verdict(), int64(o.judged().Loyal().Len())
		out = append(out, held(checkAgreement, loyal, v.Agreement, "the loyal generals do not decide the same"),
			held(checkValidity, loyal, v.Validity, "the loyal generals do not do what a loyal commander ordered"))
	}
	if o.resolver == resolvePruned {
		return out // no message is carried that could be counted
	}
	if o.resolver == resolveFast {
		return append(out, o.checkMessages()...)
	}
	want, got := o.batches(), o.Physical
	if o.Refused > 0 || (got < want && o.Lost == 0) {
		return append(out, record.Doubt(checkPunctual, want, "%d of %d batches did not arrive in time: the machine is too slow for rounds of %v", want-got, want, o.timeout))
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
func (o *outcome) batches() int64 {
	if o.adversary.Silent && o.Traitors != 0 {
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

func (o *outcome) checkBatches(want int64) record.Check {
	if o.Physical != want {
		return record.Fail(checkBatches, want, "%d batches were sent, the formula says %d", o.Physical, want)
	}
	return record.Pass(checkBatches, want)
}

// checkMessages: every round carried as many values as the formula says. There
// is nothing to hold them against when somebody was silent, nor of signed
// messages: how many there are depends on what is said.
func (o *outcome) checkMessages() []record.Check {
	if o.Algorithm.Messages(o.Config(0), 1) < 0 || o.Lost != 0 || o.adversary.Silent && o.Traitors != 0 {
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

// values is how many a run carries when nobody is silent, as a float, since it
// may be more than any machine can count.
func values(a general.Algorithm, c general.Config) float64 {
	if a.Name != "om" {
		return float64(a.Rounds(c.T)) * float64(c.N) * float64(c.N) * 2
	}
	sum, product := 0.0, 1.0
	for r := 1; r <= c.T+1; r++ {
		product *= float64(c.N - r)
		sum += product
	}
	if c.Interactive {
		sum *= float64(c.N)
	}
	return sum
}

// batchBytes is about the size of the largest batch.
func batchBytes(a general.Algorithm, c general.Config) float64 {
	const perMessage = 12 // tags, lengths, value
	if a.Name != "om" {
		return float64(2 * (perMessage + 65*(c.T+1)))
	}
	perPair := values(a, c) / math.Max(1, float64((c.N-1)*(c.N-2)))
	return perPair * float64(perMessage+c.T+1)
}

// choose finds the resolver for a run in memory that names none.
func (b *battle) choose() string {
	n := values(b.Algorithm, b.Config(0))
	switch {
	case b.Flat:
		return resolveFlat
	case b.Algorithm.Name != "om" || b.Interactive || n <= maxPassed:
		return resolveMessages
	case n <= maxQuick || !b.Guaranteed():
		return resolveFast
	}
	return resolvePruned
}

// playable says why a run cannot be played, or nothing.
func (b *battle) playable(process bool) string {
	n := values(b.Algorithm, b.Config(0))
	switch {
	case process && batchBytes(b.Algorithm, b.Config(0)) > rpc.DefaultMaxMessageBytes:
		return "it takes more messages than processes can send each other: use --transport memory"
	case process:
		return ""
	case (b.resolver == resolveMessages || b.resolver == resolveFlat) && n > maxPassed:
		return "it takes more messages than can be passed on one by one in memory: choose a smaller n or t"
	case b.resolver == resolveFast && n > maxCounted:
		return "it takes more messages than can be counted: choose a smaller n or t, or n > 3t, where most need not be"
	case b.resolver == resolvePruned && !b.Guaranteed():
		return "the pruned resolver is wrong without n > 3t"
	case b.resolver == resolvePruned && b.Traitors.Len() > maxPruned:
		return "the traitors have more paths among themselves than can be followed: choose a smaller t"
	}
	return ""
}

// fight plays a run in memory.
func (b battle) fight() *outcome {
	o := &outcome{battle: b}
	start := time.Now()
	switch b.resolver {
	case resolveFast, resolvePruned:
		o.Result = b.resolveAll()
	default:
		if b.log {
			b.Watch = o.watch
		} else {
			b.Watch = func(_, _ int, p general.Parcel) { o.Sent.Values += int64(p.To.Len()) }
		}
		o.Result = council.Run(b.Plan)
	}
	o.Took = time.Since(start)
	if counted := o.resolver == resolveMessages || o.resolver == resolveFlat; counted && !o.adversary.Silent {
		o.Sent.Batches = o.batches()
	}
	return o
}

// resolveAll uses the fast resolver.
func (b battle) resolveAll() council.Result {
	g := b.game()
	var r council.Result
	var decided general.Set
	if b.resolver == resolvePruned {
		decided = eig.Pruned(g)
	} else {
		decided, r.Messages = eig.Full(g)
	}
	for id := range b.N {
		r.Decisions = append(r.Decisions, general.Decision{Value: decided.At(id)})
	}
	return r
}

// watch writes down what is said.
func (o *outcome) watch(round, from int, p general.Parcel) {
	if len(p.Path) == 0 || int(p.Path[len(p.Path)-1]) != from {
		return // forged: the receivers drop it
	}
	if len(o.Log) == maxTranscript {
		o.Cut = true
		return
	}
	o.Log = append(o.Log, entry{round, p.Path, p.Value, p.To})
}

// game is the battle as package eig plays it.
func (b *battle) game() eig.Game {
	return eig.Game{N: b.N, T: b.T, Commander: b.Commander, Order: b.Order, Traitors: b.Traitors, Traitor: b.Traitor}
}
