package simulator

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

const ms = time.Millisecond

// The world's times: faults are over by loadEnd, and heal later all must be quiet.
const (
	loadEnd = 700 * ms
	heal    = 2 * time.Second
)

var eur = money.Currency([]byte("EUR"))

// shape is what a world is made of, drawn from its seed.
type shape struct {
	banks, users, owners int
	accounts             int           // of each bank
	patience             time.Duration // for votes
	inquire              time.Duration
	delay                time.Duration
	rough                bool
	compact              uint64
	strikes              []strike
}

// strike has a node die at a point.
type strike struct {
	node, point string
	left        int // times that the point is to be passed
	torn        float64
	down        time.Duration
}

// mutant changes a world so that it is wrong.
type mutant struct {
	name    string
	gateway func(node.Core[coordinator.In, coordinator.Out]) node.Core[coordinator.In, coordinator.Out]
	bank    func(string, node.Core[participant.In, participant.Out]) node.Core[participant.In, participant.Out]
	config  func(*coordinator.Config)
	hasty   bool
	blind   string // the check that is not asked, so that others must notice
}

// world is a deployment in the simulator, and all that is known of it.
type world struct {
	*sim.World
	shape  shape
	mutant mutant
	ids    map[string]sim.ID
	logs   map[string]*log
	gw     *coordinator.Coordinator
	cores  map[string]*participant.Participant
	calls  []check.Call
	users  []*user
	owners []*owner
	struck []string // nodes that died at points
	asking []sim.ID // who asks the gateway, by the upper half of their requests' numbers
}

func draw(seed uint64) shape {
	rng := rand.New(rand.NewPCG(seed, 0x57121fe))
	s := shape{
		banks: 2 + rng.IntN(3), users: 1 + rng.IntN(3), owners: rng.IntN(2), accounts: 2, delay: time.Duration(rng.IntN(3)) * 2 * ms,
		compact: uint64(rng.IntN(3)) * 40, patience: 20 * ms, inquire: 40 * ms, rough: rng.IntN(4) == 0,
	}
	places := bankStrikes
	if rng.IntN(3) == 0 { // banks ask each other while the gateway still waits for votes
		s.patience, s.inquire = 200*ms, 6*ms
		places = append(slices.Repeat(bankStrikes[len(bankStrikes)-4:], 4), bankStrikes...)
	}
	for range rng.IntN(4) {
		k := struct{ node, point string }{"gateway", gatewayStrikes[rng.IntN(len(gatewayStrikes))].point}
		if rng.IntN(2) == 0 {
			k.node, k.point = bankName(rng.IntN(s.banks)), places[rng.IntN(len(places))].point
		}
		if s.owners > 0 && rng.IntN(4) == 0 {
			k.node, k.point = "queue0", walletStrikes[rng.IntN(len(walletStrikes))].point
		}
		s.strikes = append(s.strikes, strike{
			k.node, k.point, 1 + rng.IntN(1+rng.IntN(8)), rng.Float64() * float64(rng.IntN(2)), time.Duration(1+rng.IntN(1+rng.IntN(120))) * ms,
		})
	}
	return s
}

func (w *world) servers() []string { return slices.Sorted(maps.Keys(w.logs)) }

func bankName(i int) string { return string(rune('a' + i)) }

// scenario returns the world of a mutant; of none, the right one.
func scenario(m mutant) sim.Scenario {
	return func(sw *sim.World) error {
		w := &world{
			World: sw, shape: draw(sw.Seed()), mutant: m, ids: map[string]sim.ID{}, logs: map[string]*log{},
			cores: map[string]*participant.Participant{},
		}
		w.addGateway()
		for i := range w.shape.banks {
			w.addBank(bankName(i))
		}
		for i := range w.shape.users {
			w.addUser(i)
		}
		for i := range w.shape.owners {
			w.addOwner(i)
		}
		for i := range w.shape.banks {
			if w.shape.rough { // doubles that come late
				w.SetLink(w.ids["gateway"], w.ids[bankName(i)], sim.Link{Delay: sim.Delay{Tail: 4 * ms}, Duplicate: 0.3})
			}
		}
		if w.shape.inquire < w.shape.patience/10 { // and are asked by each other before the gateway
			w.SetLink(w.ids["gateway"], w.ids["b"], sim.Link{Delay: sim.Delay{Spread: 50 * ms}})
		}
		return w.play()
	}
}

// play runs the world, heals it, has everybody recover once more, and judges.
func (w *world) play() error {
	err := w.RunUntil(loadEnd)
	if err == nil {
		w.EndFaults()
		w.shape.strikes = nil
		err = w.RunUntil(loadEnd + heal)
	}
	if err == nil {
		err = w.judge()
	}
	if err != nil {
		return err
	}
	for _, name := range w.servers() {
		if err := w.Inject(sim.Fault{At: w.Now(), Kind: sim.Crash, Node: name, For: ms}); err != nil {
			return err
		}
	}
	if err := w.RunUntil(w.Now() + 200*ms); err != nil {
		return err
	}
	return w.judge()
}

// tap returns a core that tells its points.
func tap[In, Out any](w *world, name string, core node.Core[In, Out], p points[In, Out], env **sim.Env, watch func(In)) *tapped[In, Out] {
	l := w.logs[name]
	l.replay = 0
	return &tapped[In, Out]{Core: core, points: p, log: l, watch: watch, hook: func(point string) { w.pass(name, point, *env) }}
}

// pass has a node die at a point, if it is to.
func (w *world) pass(name, point string, env *sim.Env) {
	for i := range w.shape.strikes {
		s := &w.shape.strikes[i]
		if s.node != name || s.point != point {
			continue
		}
		if s.left--; s.left != 0 || env == nil {
			continue
		}
		w.Sometimes(situation(name, point), true)
		w.struck = append(w.struck, name)
		bank := slices.ContainsFunc(w.struck, func(name string) bool { return w.cores[name] != nil })
		w.Sometimes("B2 gateway and bank die", bank && slices.Contains(w.struck, "gateway"))
		f := sim.Fault{At: w.Now(), Kind: sim.Crash, Node: name, For: s.down, P: s.torn}
		if strings.HasPrefix(point, "unsynced-") {
			_ = w.Inject(f) // once the write is under way
		} else {
			env.Exit(s.down)
		}
	}
}

// situation names a strike for [sim.Hunt].Sometimes.
func situation(name, point string) string {
	for _, s := range gatewayStrikes {
		if name == "gateway" && s.point == point {
			return s.name + " gateway dies " + point
		}
	}
	for _, s := range walletStrikes {
		if strings.HasPrefix(name, "queue") && s.point == point {
			return s.name + " queue dies " + point
		}
	}
	for _, s := range bankStrikes {
		if name != "gateway" && s.point == point {
			return s.name + " bank dies " + point
		}
	}
	return point
}

// begun lets a node know the environment of its life, which its core's wrapper
// needs.
type begun struct {
	sim.Node
	env   **sim.Env
	hello func()
}

// Init implements [sim.Node].
func (b begun) Init(env *sim.Env) {
	*b.env = env
	b.Node.Init(env)
	b.hello()
}

// Synced implements [sim.Syncer].
func (b begun) Synced(tag uint64, err error) { b.Node.(sim.Syncer).Synced(tag, err) }

// hello says that a node is back: a connection was broken, and there is another.
type hello struct{ bank string }

func (w *world) addGateway() {
	w.logs["gateway"] = &log{now: w.Now}
	var env *sim.Env
	var core *tapped[coordinator.In, coordinator.Out]
	names := make([]string, w.shape.banks)
	for i := range names {
		names[i] = bankName(i)
	}
	h := simhost.Host[coordinator.In, coordinator.Out]{
		Hasty: w.mutant.hasty, Down: sim.Delay{Base: 5 * ms}, Compact: w.shape.compact,
		Core: func() node.Core[coordinator.In, coordinator.Out] {
			config := coordinator.Config{
				Gateway: 1, Banks: names, Prepare: w.shape.patience, Resend: 40 * ms, Cap: 1000, Seed: w.Seed(), MaxWaiters: 3,
			}
			if w.mutant.config != nil {
				w.mutant.config(&config)
			}
			w.gw = coordinator.New(config)
			var c node.Core[coordinator.In, coordinator.Out] = w.gw
			if w.mutant.gateway != nil {
				c = w.mutant.gateway(c)
			}
			core = tap(w, "gateway", c, gatewayPoints, &env, w.watchGateway)
			return core
		},
		Receive: func(_ *sim.Env, _ sim.ID, msg any) []coordinator.In {
			switch m := msg.(type) {
			case hello:
				return []coordinator.In{coordinator.BankDown{Bank: m.bank}, coordinator.BankUp{Bank: m.bank}}
			case participant.Balance:
				w.answer(env, m.Request, m)
				return nil
			}
			return []coordinator.In{msg}
		},
		Send: func(env *sim.Env, out coordinator.Out) {
			core.send(out, func(out coordinator.Out) {
				switch out := out.(type) {
				case coordinator.ToBank:
					env.Send(w.ids[out.Bank], out.Message)
				case coordinator.Reply:
					w.answer(env, out.Request, out)
				}
			})
		},
	}
	w.ids["gateway"] = w.Add("gateway", func() sim.Node {
		return begun{h.Node(), &env, func() {
			for _, name := range names {
				env.Send(w.ids[name], participant.GatewayUp{})
			}
		}}
	})
}

// answer sends an answer to who has asked: a request's number says who.
func (w *world) answer(env *sim.Env, request uint64, msg any) {
	env.Send(w.asking[request>>32], msg)
}

func (w *world) addBank(name string) {
	w.logs[name] = &log{now: w.Now}
	var env *sim.Env
	var core *tapped[participant.In, participant.Out]
	h := simhost.Host[participant.In, participant.Out]{
		Hasty: w.mutant.hasty, Down: sim.Delay{Base: 5 * ms}, Compact: w.shape.compact,
		Core: func() node.Core[participant.In, participant.Out] {
			p := participant.New(participant.Config{
				Bank: name, Inquire: w.shape.inquire, InquireMost: 4 * w.shape.inquire, Delay: w.shape.delay, Seed: w.Seed() + uint64(name[0]),
			})
			w.cores[name] = p
			var c node.Core[participant.In, participant.Out] = p
			if w.mutant.bank != nil {
				c = w.mutant.bank(name, c)
			}
			core = tap(w, name, c, bankPoints, &env, func(in participant.In) { w.watchBank(name, p, in) })
			for i := range w.shape.accounts {
				core.also = append(core.also, participant.Open{Account: accountName(i), Currency: eur, Opening: 100, Limit: 250})
			}
			return core
		},
		Receive: func(_ *sim.Env, _ sim.ID, msg any) []participant.In { return []participant.In{msg} },
		Send: func(env *sim.Env, out participant.Out) {
			core.send(out, func(out participant.Out) {
				switch out := out.(type) {
				case participant.ToGateway:
					env.Send(w.ids["gateway"], out.Message)
				case participant.ToBank:
					env.Send(w.ids[out.Bank], out.Message)
				case participant.Balance:
					env.Send(w.ids["gateway"], out)
				}
			})
		},
	}
	w.ids[name] = w.Add(name, func() sim.Node {
		return begun{h.Node(), &env, func() { env.Send(w.ids["gateway"], hello{name}) }}
	})
}

func accountName(i int) string { return fmt.Sprint(i) }

// judge reads all journals, and has package check look at them.
func (w *world) judge() error {
	e := check.Evidence{Calls: w.calls, Quiet: true}
	for _, name := range w.servers() {
		if wrong := w.logs[name].wrong; wrong != "" {
			return fmt.Errorf("the journal of %s: %s", name, wrong)
		}
	}
	h, again := coordinator.NewHistory(1), coordinator.NewHistory(1)
	for _, r := range w.logs["gateway"].records {
		event, err := h.Record(r.data)
		if _, err2 := again.Record(r.data); err != nil || err2 != nil {
			return fmt.Errorf("the journal of the gateway: %w", errors.Join(err, err2))
		}
		e.Gateway = append(e.Gateway, check.Decision{Event: event, At: r.at})
	}
	e.States = append(e.States, [2][]byte{h.State(), again.State()})
	for i := range w.shape.banks {
		b, states, err := w.readBank(bankName(i))
		if err != nil {
			return err
		}
		e.Banks, e.States = append(e.Banks, b), append(e.States, states)
	}
	for _, u := range w.users {
		if !u.done() {
			return fmt.Errorf("I7 liveness: all is quiet, and %s has no answer to %s", u.name, u.op)
		}
	}
	for _, o := range w.owners {
		if err := o.judge(e.Gateway); err != nil {
			return err
		}
	}
	if s := w.gw.Stats(); s.Preparing+s.Committed > 0 {
		return fmt.Errorf("I7 liveness: all is quiet, and the gateway has %+v", s)
	}
	for _, c := range check.Checks(e) {
		if c.Detail != "" && (w.mutant.blind == "" || !strings.HasPrefix(c.Name, w.mutant.blind+" ")) {
			return fmt.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	return nil
}

func (w *world) readBank(name string) (b check.Bank, states [2][]byte, err error) {
	h, again := participant.NewHistory(name), participant.NewHistory(name)
	b = check.Bank{Name: name, Accounts: w.cores[name].Accounts(), Doubts: w.cores[name].Doubts()}
	records := w.logs[name].records
	for _, r := range w.cores[name].Flush(w.Now()).Write { // what waits for company, as if it was written now
		records = append(records, entry{r, w.Now()})
	}
	for _, r := range records {
		event, err := h.Record(r.data)
		if _, err2 := again.Record(r.data); err != nil || err2 != nil {
			return b, states, fmt.Errorf("the journal of bank %s: %w", name, errors.Join(err, err2))
		}
		b.Events = append(b.Events, check.BankEvent{Event: event, At: r.at})
	}
	return b, [2][]byte{h.State(), again.State()}, nil
}

// watchGateway notes situations of the gateway that a hunt must have met.
func (w *world) watchGateway(in coordinator.In) {
	switch in := in.(type) {
	case tx.Vote:
		w.Sometimes("YES after the decision", in.Yes && !w.gw.Preparing(in.Tx))
		w.Sometimes("the sender's or receiver's NO", !in.Yes && in.Reason.Business())
	case tx.Inquire:
		w.Sometimes("INQUIRE before the decision", w.gw.Preparing(in.Tx))
		w.Sometimes("INQUIRE of an earlier epoch", in.Tx.Epoch < w.gw.Stats().Epoch)
	case tx.Ack:
		w.Sometimes("ACK twice", !w.gw.Committed(in.Tx))
	}
}

// watchBank notes situations of a bank.
func (w *world) watchBank(name string, p *participant.Participant, in participant.In) {
	switch in := in.(type) {
	case tx.Prepare:
		s := p.State(in.Tx)
		w.Sometimes("PREPARE after a refusal, while votes are waited for", s == tx.Aborted && w.gw.Preparing(in.Tx))
		w.Sometimes("PREPARE twice", s == tx.Prepared)
		w.Sometimes("PREPARE after COMMIT", s == tx.Committed)
		w.Sometimes("PREPARE after ABORT", s == tx.Aborted)
		w.Sometimes("both legs at one bank", len(in.Legs) == 2)
	case tx.Decide:
		s := p.State(in.Tx)
		w.Sometimes("COMMIT twice", in.Commit && s == tx.Committed)
		w.Sometimes("ABORT before PREPARE", !in.Commit && s == tx.None)
		w.Sometimes("ABORT twice", !in.Commit && s == tx.Aborted)
	case tx.Ask:
		w.Sometimes("a peer in doubt is told: "+p.State(in.Tx).String(), w.Now() < loadEnd)
	case tx.Told:
		w.Sometimes("a peer ends a doubt: "+in.State.String(), p.State(in.Tx) == tx.Prepared)
	case tx.Balance:
		for _, id := range in.After {
			w.Sometimes("a read brings a commit", p.State(id) == tx.Prepared)
		}
	}
}
