package byzantine

import (
	"strconv"
	"strings"

	"dyno/systems"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
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
	seed      uint64
	knobs     systems.Values
	json      bool
	verbose   bool
}

func (o *options) declare(fs systems.FlagSet) {
	fs.IntVar(&o.commander, "commander", 0, "id of the commander, 0 to n-1")
	fs.StringVar(&o.traitors, "traitors", "", "ids of the traitors, at most t, for example 3,5")
	fs.StringVar(&o.initial, "initial", "", "interactive: each general's own decision, for example a,r,a,a; drawn from the seed unless given")
	fs.StringVar(&o.kill, "kill", "", "ID@ROUND: kill this general's process in the middle of that round")
	fs.Uint64Var(&o.seed, "seed", 1, "all random choices come from it")
	fs.BoolVar(&o.json, "json", false, "print the result as JSON")
	fs.BoolVar(&o.verbose, "v", false, "show every message")
	o.knobs = play.Knobs.With(play.KnobTimeout, "500ms").Bind(fs, play.KnobN, play.KnobT, play.KnobOrder, play.KnobAdversary,
		play.KnobAlgorithm, play.KnobMode, play.KnobResolver, play.KnobTransport, play.KnobTimeout)
	o.knobs[play.KnobTransport] = "" // unless told, it depends on how many there are
}

// play makes a run of the flags.
func (o *options) play() (b play.Run, process bool, err error) {
	o.n, o.t = o.knobs.Int(play.KnobN), o.knobs.Int(play.KnobT)
	if err := play.CheckSize(o.n, o.t); err != nil {
		return b, false, err
	}
	if o.commander < 0 || o.commander >= o.n {
		return b, false, systems.Usagef("--commander %d: give an id from 0 to %d", o.commander, o.n-1)
	}
	b = play.New(o.knobs, o.seed)
	b.Commander, b.Heard = o.commander, !o.json
	if b.Traitors, err = parseTraitors(o.traitors, o.n, o.t); err != nil {
		return b, false, err
	}
	if b.Initial, err = o.parseInitial(b.Interactive); err != nil {
		return b, false, err
	}
	process, err = o.choose(&b)
	return b, process, err
}

// choose settles transport and resolver, and refuses what cannot be played.
func (o *options) choose(b *play.Run) (process bool, err error) {
	transport := o.knobs.Text(play.KnobTransport)
	process = transport == play.TransportProcess || transport == "" && o.n <= maxProcesses
	if b.Kill, b.KillIn, err = o.parseKill(b, process); err != nil {
		return false, err
	}
	return process, b.Settle(process)
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
		if s.Has(id) {
			return 0, systems.Usagef("--traitors %s: general %d stands there twice", text, id)
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
		return play.DrawInitial(o.n, o.seed), nil
	}
	words := strings.Split(o.initial, ",")
	if len(words) != o.n {
		return nil, systems.Usagef("--initial %s: those are %d decisions; give one for each of the %d generals, a or r", o.initial, len(words),
			o.n)
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

// parseKill reads ID@ROUND.
func (o *options) parseKill(b *play.Run, process bool) (id, round int, err error) {
	if o.kill == "" {
		return -1, 0, nil
	}
	left, right, _ := strings.Cut(o.kill, "@")
	id, errID := strconv.Atoi(left)
	round, errRound := strconv.Atoi(right)
	rounds := b.Algorithm.Rounds(b.T)
	switch {
	case errID != nil || errRound != nil || id < 0 || id >= o.n || round < 1 || round > rounds:
		return 0, 0, systems.Usagef("--kill %s: give ID@ROUND with an id from 0 to %d and a round from 1 to %d, for example 1@%d", o.kill,
			o.n-1, rounds, min(2, rounds))
	case !process:
		return 0, 0, systems.Usagef("--kill %s: only --transport process has processes to kill", o.kill)
	case (b.Traitors | general.Only(id)).Len() > b.T:
		return 0, 0, systems.Usagef("--kill %s: with the traitors those are %d faulty generals, more than --t %d allows; raise --t", o.kill,
			b.Traitors.Len()+1, b.T)
	}
	return id, round, nil
}
