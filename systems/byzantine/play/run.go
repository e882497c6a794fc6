// Package play is one run of the generals: how it is set up, played in memory
// and held against what it promises.
package play

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/eig"
	"dyno/systems/byzantine/core/general"
)

// Limits of what is played.
const (
	MaxTranscript = 20_000  // messages that one general, or a run in memory, writes down
	maxPassed     = 8 << 20 // values that generals in memory pass on one by one
	maxCounted    = 1 << 34 // values that the fast resolver counts: some 20 s
	maxQuick      = 1 << 28 // values beyond which the pruned resolver is preferred
	maxPruned     = 12      // traitors whose paths the pruned resolver follows
)

// How a run finds its decisions.
const (
	resolveAuto     = "auto"     // whatever suits size and transport
	ResolveMessages = "messages" // the generals pass every message on, and each resolves its own
	resolveFlat     = "flat"     // the same, by the flat majority
	ResolveFast     = "fast"     // package eig
	ResolvePruned   = "pruned"
)

// Run is a run to be fought: a plan, and how.
type Run struct {
	council.Plan
	Adversary adversary.Adversary
	Timeout   time.Duration
	Resolver  string
	Kill      int  // general whose process dies, -1: none
	KillIn    int  // in the middle of this round
	Heard     bool // what is said is written down
}

// Outcome is what came of it.
type Outcome struct {
	Run
	council.Result
	Lost    general.Set // whose process ended
	Bytes   int64       // of all batches; 0 in memory
	Refused int64       // batches that came too late

	// What the senders told, for the receivers' counts to be held against.
	Sent       Traffic
	Unanswered Traffic // of that, what may not have arrived in time
	TurnedAway Traffic // what receivers count as refused

	Took    time.Duration
	Watched time.Duration // as whoever waited for the decisions saw it
	Log     []Entry
	Cut     bool // the log is not complete
}

// Entry is something that was said: to whom, and along which path.
type Entry struct {
	Round int
	Path  string
	Value general.Value
	To    general.Set
}

// Faulty are all who are not held to anything.
func (o *Outcome) Faulty() general.Set { return o.Traitors | o.Lost }

// Judged is the plan by which a run is judged: who was lost counts as a traitor.
func (o *Outcome) Judged() council.Plan {
	p := o.Plan
	p.Traitors = o.Faulty()
	return p
}

// Verdict is whether agreement and validity held.
func (o *Outcome) Verdict() council.Verdict { return o.Judged().Judge(o.Decisions) }

// Guaranteed says whether they had to.
func (o *Outcome) Guaranteed() bool { return o.Judged().Guaranteed() }

// Values is how many a run carries when nobody is silent, as a float, since it
// may be more than any machine can count.
func Values(a general.Algorithm, c general.Config) float64 {
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

// BatchBytes is about the size of the largest batch.
func BatchBytes(a general.Algorithm, c general.Config) float64 {
	const perMessage = 12 // tags, lengths, value
	if a.Name != "om" {
		return float64(2 * (perMessage + 65*(c.T+1)))
	}
	perPair := Values(a, c) / math.Max(1, float64((c.N-1)*(c.N-2)))
	return perPair * float64(perMessage+c.T+1)
}

// New sets what run, search and trials have in common.
func New(v systems.Values, seed uint64) Run {
	a, _ := general.LookUp(v.Text(KnobAlgorithm)) // its type knows these words
	order, _ := general.ParseValue(v.Text(KnobOrder))
	liar, _ := adversary.LookUp(v.Text(KnobAdversary))
	b := Run{Adversary: liar, Kill: -1, Resolver: v.Text(KnobResolver), Timeout: v.Duration(KnobTimeout)}
	b.Plan = council.Plan{
		Algorithm: a, N: v.Int(KnobN), T: v.Int(KnobT), Order: order, Traitor: liar.New(seed), Seed: seed,
		Interactive: v.Text(KnobMode) == ModeInteractive, Flat: b.Resolver == resolveFlat,
	}
	return b
}

// CheckSize refuses more traitors than generals who could fall to them.
func CheckSize(n, t int) error {
	if t >= n {
		return systems.Usagef("--t %d: give a number of traitors from 0 to %d, fewer than the %d generals", t, n-1, n)
	}
	return nil
}

// Settle chooses the resolver where none is named, and refuses what does not go
// together.
func (b *Run) Settle(process bool) error {
	om := b.Algorithm.Name == "om"
	switch {
	case b.Interactive && !om:
		return systems.Usagef("--mode interactive broadcasts every general's decision by om: give --algorithm om")
	case b.Resolver != resolveAuto && b.Resolver != ResolveMessages && !om:
		return systems.Usagef("--resolver %s is for --algorithm om", b.Resolver)
	case (b.Resolver == ResolveFast || b.Resolver == ResolvePruned) && (process || b.Interactive):
		return systems.Usagef("--resolver %s resolves one broadcast for all generals at once: give --transport memory --mode broadcast",
			b.Resolver)
	}
	if b.Resolver == resolveAuto {
		b.Resolver = ResolveMessages
		if !process {
			b.Resolver = b.choose()
		}
	}
	if why := b.playable(process); why != "" {
		return systems.Usagef("--n %d --t %d: %s", b.N, b.T, why)
	}
	return nil
}

// DrawInitial draws the decision that each general would take by itself.
func DrawInitial(n int, seed uint64) []general.Value {
	rng := rand.New(rand.NewPCG(seed, streamInitial))
	out := make([]general.Value, n)
	for i := range out {
		out[i] = general.Value(rng.IntN(2))
	}
	return out
}

// Streams keep the random choices of one seed apart.
const (
	streamInitial = 1 << 40
	StreamTraitor = 2 << 40
	StreamSearch  = 3 << 40
)

// choose finds the resolver for a run in memory that names none.
func (b *Run) choose() string {
	n := Values(b.Algorithm, b.Config(0))
	switch {
	case b.Flat:
		return resolveFlat
	case b.Algorithm.Name != "om" || b.Interactive || n <= maxPassed:
		return ResolveMessages
	case n <= maxQuick || !b.Guaranteed():
		return ResolveFast
	}
	return ResolvePruned
}

// playable says why a run cannot be played, or nothing.
func (b *Run) playable(process bool) string {
	n := Values(b.Algorithm, b.Config(0))
	switch {
	case process && BatchBytes(b.Algorithm, b.Config(0)) > rpc.DefaultMaxMessageBytes:
		return "it takes more messages than processes can send each other: use --transport memory"
	case process:
		return ""
	case (b.Resolver == ResolveMessages || b.Resolver == resolveFlat) && n > maxPassed:
		return "it takes more messages than can be passed on one by one in memory: choose a smaller n or t"
	case b.Resolver == ResolveFast && n > maxCounted:
		return "it takes more messages than can be counted: choose a smaller n or t, or n > 3t, where most need not be"
	case b.Resolver == ResolvePruned && !b.Guaranteed():
		return "the pruned resolver is wrong without n > 3t"
	case b.Resolver == ResolvePruned && b.Traitors.Len() > maxPruned:
		return "the traitors have more paths among themselves than can be followed: choose a smaller t"
	}
	return ""
}

// Play plays a run in memory.
func (b Run) Play() *Outcome {
	o := &Outcome{Run: b}
	start := time.Now()
	switch b.Resolver {
	case ResolveFast, ResolvePruned:
		o.Result = b.resolveAll()
	default:
		if b.Heard {
			b.Watch = o.watch
		} else {
			b.Watch = func(_, _ int, p general.Parcel) { o.Sent.Values += int64(p.To.Len()) }
		}
		o.Result = council.Run(b.Plan)
	}
	o.Took = time.Since(start)
	if counted := o.Resolver == ResolveMessages || o.Resolver == resolveFlat; counted && !o.Adversary.Silent {
		o.Sent.Batches = o.batches()
	}
	return o
}

// resolveAll uses the fast resolver.
func (b Run) resolveAll() council.Result {
	g := b.game()
	var r council.Result
	var decided general.Set
	if b.Resolver == ResolvePruned {
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
func (o *Outcome) watch(round, from int, p general.Parcel) {
	if len(p.Path) == 0 || int(p.Path[len(p.Path)-1]) != from {
		return // forged: the receivers drop it
	}
	if len(o.Log) == MaxTranscript {
		o.Cut = true
		return
	}
	o.Log = append(o.Log, Entry{round, p.Path, p.Value, p.To})
}

// Game is the run as package eig plays it.
func (b *Run) game() eig.Game {
	return eig.Game{N: b.N, T: b.T, Commander: b.Commander, Order: b.Order, Traitors: b.Traitors, Traitor: b.Traitor}
}

// PlayUnder plays a run in memory until it is over or nobody waits for it any
// more: a run cannot be interrupted, but it ends by itself.
func (b Run) PlayUnder(ctx context.Context) (*Outcome, error) {
	done := make(chan *Outcome, 1)
	began := time.Now()
	go func() { done <- b.Play() }()
	select {
	case o := <-done:
		o.Watched = time.Since(began)
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Condition says whether agreement is guaranteed, and why.
func (b *Run) Condition() string {
	a := b.Algorithm
	numbers := fmt.Sprintf("%s needs %s, and here n = %d, t = %d", a.Name, a.Condition, b.N, b.T)
	switch {
	case b.Flat:
		return "none: the majority of everything received guarantees nothing"
	case a.Guarantees(b.N, b.T):
		return "consensus is guaranteed: " + numbers
	}
	return "CONSENSUS IS NOT GUARANTEED: " + numbers
}
