package byzantine

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"dyno/systems"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/general"
)

// The words of flags and knobs.
const (
	modeBroadcast   = "broadcast"
	modeInteractive = "interactive"

	transportProcess = "process"
	transportMemory  = "memory"
)

// maxProcesses is up to how many generals a run takes processes unless told.
const maxProcesses = 16

// options are the flags of run.
type options struct {
	n, t      int
	commander int
	traitors  string
	initial   string
	kill      string
	transport string
	timeout   time.Duration
	seed      uint64
	words     systems.Values
	json      bool
	verbose   bool
}

// words are the flags of which each accepts one of a few words.
func bindWords(fs systems.FlagSet, names ...string) systems.Values {
	return knobs.Bind(fs, names...)
}

func (o *options) declare(fs systems.FlagSet) {
	declareSize(fs, &o.n, &o.t)
	fs.IntVar(&o.commander, "commander", 0, "id of the commander, 0 to n-1")
	fs.StringVar(&o.traitors, "traitors", "", "ids of the traitors, at most t, for example 3,5")
	fs.StringVar(&o.initial, "initial", "", "interactive: each general's own decision, for example a,r,a,a; drawn from the seed unless given")
	fs.StringVar(&o.kill, "kill", "", "ID@ROUND: kill this general's process in the middle of that round")
	fs.StringVar(&o.transport, "transport", "", "process (a gRPC server for each general; the default for n up to 16) or memory")
	fs.DurationVar(&o.timeout, "round-timeout", 500*time.Millisecond, "how long a round may last; a silent general costs the others that long")
	fs.Uint64Var(&o.seed, "seed", 1, "all random choices come from it")
	fs.BoolVar(&o.json, "json", false, "print the result as JSON")
	fs.BoolVar(&o.verbose, "v", false, "show every message")
	o.words = bindWords(fs, "order", "adversary", "algorithm", "mode", "resolver")
}

func declareSize(fs systems.FlagSet, n, t *int) {
	fs.IntVar(n, "n", 4, "how many generals, the commander included")
	fs.IntVar(t, "t", 1, "how many traitors the algorithm is to withstand")
}

// checkSize refuses numbers of generals that make no sense.
func checkSize(n, t int) error {
	switch {
	case n < 2 || n > general.MaxGenerals:
		return systems.Usagef("--n %d: give a number of generals from 2 to %d", n, general.MaxGenerals)
	case t < 0 || t >= n:
		return systems.Usagef("--t %d: give a number of traitors from 0 to %d, fewer than the %d generals", t, n-1, n)
	}
	return nil
}

// battle makes a run of the flags.
func (o *options) battle() (b battle, process bool, err error) {
	if err := checkSize(o.n, o.t); err != nil {
		return b, false, err
	}
	if o.commander < 0 || o.commander >= o.n {
		return b, false, systems.Usagef("--commander %d: give an id from 0 to %d", o.commander, o.n-1)
	}
	if o.timeout <= 0 || o.timeout > maxRoundTimeout {
		return b, false, systems.Usagef("--round-timeout %v: give a duration above 0 and up to %v", o.timeout, maxRoundTimeout)
	}
	b = newBattle(o.words, o.n, o.t, o.seed)
	b.Commander, b.timeout = o.commander, o.timeout
	b.log = !o.json
	if b.Order, err = general.ParseValue(o.words.Text("order")); err != nil {
		return b, false, systems.Usagef("--order %w", err)
	}
	if b.Traitors, err = parseTraitors(o.traitors, o.n, o.t); err != nil {
		return b, false, err
	}
	if b.Initial, err = o.parseInitial(b.Interactive); err != nil {
		return b, false, err
	}
	process, err = o.choose(&b)
	return b, process, err
}

// newBattle sets what run, search and trials have in common.
func newBattle(words systems.Values, n, t int, seed uint64) battle {
	a, _ := general.LookUp(words.Text("algorithm"))
	liar, _ := adversary.LookUp(words.Text("adversary"))
	b := battle{adversary: liar, seed: seed, kill: -1, resolver: words.Text("resolver")}
	b.Plan = council.Plan{
		Algorithm: a, N: n, T: t, Order: general.Attack, Traitor: liar.New(seed), Seed: seed,
		Interactive: words.Text("mode") == modeInteractive, Flat: words.Text("resolver") == resolveFlat,
	}
	return b
}

// choose settles transport and resolver, and refuses what cannot be played.
func (o *options) choose(b *battle) (process bool, err error) {
	switch o.transport {
	case "":
		process = o.n <= maxProcesses
	case transportProcess:
		process = true
	case transportMemory:
	default:
		return false, systems.Usagef("--transport %w", &systems.ChoiceError{Word: o.transport, Allowed: []string{transportProcess, transportMemory}})
	}
	if b.kill, b.killIn, err = o.parseKill(b, process); err != nil {
		return false, err
	}
	return process, b.settle(process)
}

// settle chooses the resolver where none is named, and refuses what does not go
// together.
func (b *battle) settle(process bool) error {
	om := b.Algorithm.Name == "om"
	switch {
	case b.Interactive && !om:
		return systems.Usagef("--mode interactive broadcasts every general's decision by om: give --algorithm om")
	case b.resolver != resolveAuto && b.resolver != resolveMessages && !om:
		return systems.Usagef("--resolver %s is for --algorithm om", b.resolver)
	case (b.resolver == resolveFast || b.resolver == resolvePruned) && (process || b.Interactive):
		return systems.Usagef("--resolver %s resolves one broadcast for all generals at once: give --transport memory --mode broadcast", b.resolver)
	}
	if b.resolver == resolveAuto {
		b.resolver = resolveMessages
		if !process {
			b.resolver = b.choose()
		}
	}
	if why := b.playable(process); why != "" {
		return systems.Usagef("--n %d --t %d: %s", b.N, b.T, why)
	}
	return nil
}

// parseTraitors reads ids separated by commas.
func parseTraitors(text string, n, t int) (general.Set, error) {
	var s general.Set
	if text == "" {
		return 0, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		id, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || id < 0 || id >= n {
			return 0, systems.Usagef("--traitors %s: %q is not the id of a general, 0 to %d", text, word, n-1)
		}
		s |= general.Only(id)
	}
	if s.Len() > t {
		return 0, systems.Usagef("--traitors %s: those are %d, more than --t %d allows; name at most %d, or raise --t", text, s.Len(), t, t)
	}
	return s, nil
}

// parseInitial reads everybody's own decision, or draws it.
func (o *options) parseInitial(interactive bool) ([]general.Value, error) {
	if !interactive {
		if o.initial != "" {
			return nil, systems.Usagef("--initial %s: in --mode broadcast there is the commander's --order only; give --mode interactive", o.initial)
		}
		return nil, nil
	}
	if o.initial == "" {
		return drawInitial(o.n, o.seed), nil
	}
	words := strings.Split(o.initial, ",")
	if len(words) != o.n {
		return nil, systems.Usagef("--initial %s: those are %d decisions; give one for each of the %d generals, a or r", o.initial, len(words), o.n)
	}
	out := make([]general.Value, o.n)
	for i, word := range words {
		v, err := general.ParseValue(strings.TrimSpace(word))
		if err != nil {
			return nil, systems.Usagef("--initial %s: %w", o.initial, err)
		}
		out[i] = v
	}
	return out, nil
}

func drawInitial(n int, seed uint64) []general.Value {
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
	streamTraitor = 2 << 40
	streamSearch  = 3 << 40
)

// parseKill reads ID@ROUND.
func (o *options) parseKill(b *battle, process bool) (id, round int, err error) {
	if o.kill == "" {
		return -1, 0, nil
	}
	left, right, _ := strings.Cut(o.kill, "@")
	id, errID := strconv.Atoi(left)
	round, errRound := strconv.Atoi(right)
	rounds := b.Algorithm.Rounds(b.T)
	switch {
	case errID != nil || errRound != nil || id < 0 || id >= o.n || round < 1 || round > rounds:
		return 0, 0, systems.Usagef("--kill %s: give ID@ROUND with an id from 0 to %d and a round from 1 to %d, for example 1@%d", o.kill, o.n-1, rounds, min(2, rounds))
	case !process:
		return 0, 0, systems.Usagef("--kill %s: only --transport process has processes to kill", o.kill)
	case (b.Traitors | general.Only(id)).Len() > b.T:
		return 0, 0, systems.Usagef("--kill %s: with the traitors those are %d faulty generals, more than --t %d allows; raise --t", o.kill, b.Traitors.Len()+1, b.T)
	}
	return id, round, nil
}
