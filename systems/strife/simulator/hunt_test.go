package simulator

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"dyno/bench/sim"
	"dyno/internal/node/simhost"
)

var seed = flag.Uint64("sim.seed", 0, "play this seed and show its trace")

// seeds is how many are tried; `make soak` asks for many.
func seeds(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("DYNO_SEEDS")); err == nil {
		return n
	}
	return usual
}

func hunt(m mutant, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: scenario(m), Seeds: seeds, First: 1, ShrinkRuns: 100,
		Config: sim.Config{
			Network: sim.Link{Delay: sim.Delay{Base: ms / 2, Tail: ms / 2}}, Sync: sim.Delay{Base: ms / 4, Tail: ms / 2},
			Limits: sim.Limits{Trace: 64 << 20},
		},
		Profile: sim.Profile{
			Nodes: []string{"gateway", "a", "b"}, Until: loadEnd, Torn: 0.5, Swarm: true, Faults: 6, MaxDelay: 60 * ms,
			Kinds: []sim.Kind{
				sim.Kill, sim.Crash, sim.Pause, sim.Cut, sim.Drop, sim.Duplicate, sim.Delayed, sim.SlowDisk, sim.FullDisk, sim.FailSync,
			},
		},
		Replay: func(seed uint64) string {
			return fmt.Sprintf("go test ./systems/strife/simulator -run TestHunt -v -sim.seed %d", seed)
		},
	}
}

// messages are the cases of the fault matrix that concern messages.
var messages = []string{
	"PREPARE twice", "PREPARE after COMMIT", "PREPARE after ABORT", "PREPARE after a refusal, while votes are waited for",
	"YES after the decision", "COMMIT twice", "ABORT twice", "ABORT before PREPARE", "ACK twice",
	"INQUIRE before the decision", "INQUIRE of an earlier epoch",
	"a peer in doubt is told: none", "a peer in doubt is told: committed", "a peer in doubt is told: aborted", "a peer in doubt is told: prepared",
	"a peer ends a doubt: committed", "a peer ends a doubt: aborted", "a read brings a commit", "both legs at one bank",
	"an answer is replayed", "a payment is pending", "a payment is cancelled", "a payment is unavailable", "B2 gateway and bank die", simhost.Compacted,
}

// Nothing is wrong, whatever fails, and every situation that the fault matrix
// names has come.
func TestHunt(t *testing.T) {
	h := hunt(mutant{}, seeds(400))
	if *seed != 0 {
		out := h.Try(*seed)
		t.Logf("%v\n%s\n%s", out.Err, out.Faults, out.Trace)
		return
	}
	for _, s := range gatewayStrikes {
		h.Sometimes = append(h.Sometimes, situation("gateway", s.point))
	}
	for _, s := range bankStrikes {
		h.Sometimes = append(h.Sometimes, situation("a", s.point))
	}
	for _, s := range walletStrikes {
		h.Sometimes = append(h.Sometimes, situation("queue0", s.point))
	}
	h.Sometimes = append(h.Sometimes, messages...)
	began := time.Now()
	s, err := h.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Failure != nil {
		t.Fatal(s.Failure)
	}
	t.Logf("%v for %s", time.Since(began), s)
}
