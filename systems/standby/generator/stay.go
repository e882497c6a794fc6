package generator

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/config"
)

// stayPause is the time between two requests of the client who stays.
const stayPause = 2 * time.Millisecond

// Stay is a deposit that was acknowledged to the client who stays.
type Stay struct {
	Client uint64 `json:"client"`
	Number uint64 `json:"number"`
	Epoch  uint64 `json:"epoch"`
	Action uint64 `json:"action"`
	// The stored answer of a later reign: the action's own epoch is not that of who
	// answered.
	Repeated bool  `json:"repeated,omitempty"`
	UnixNS   int64 `json:"unix_ns"` // when
}

// stay deposits 1 at one server again and again until the context ends, however
// long that is silent: a client that knows of no other server and no time-out. A
// refusal does not end it.
func (g *generator) stay(ctx context.Context) (acked []Stay, err error) {
	addr := g.opt.Hosts.S1
	if g.stays == config.S2 {
		addr = g.opt.Hosts.S2
	}
	conn, err := rpc.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	server := standbyv1.NewAccountServiceClient(conn)
	caller := &standbyv1.Caller{Client: rand.Uint64() | 1, Number: 1}
	tick := time.NewTicker(stayPause)
	defer tick.Stop()
	for {
		call, cancel := context.WithTimeout(ctx, time.Hour)
		a, err := server.Deposit(call, &standbyv1.DepositRequest{Caller: caller, Account: Account(0), Amount: 1}, grpc.WaitForReady(true))
		cancel()
		if err == nil {
			answer := a.GetAnswer()
			acked = append(acked, Stay{
				Client: caller.Client, Number: caller.Number, Epoch: answer.GetEpoch(), Action: answer.GetAction(),
				Repeated: answer.GetRepeated(), UnixNS: time.Now().UnixNano(),
			})
			caller = &standbyv1.Caller{
				Client: caller.Client, Number: caller.Number + 1, SeenEpoch: answer.GetEpoch(), SeenAction: answer.GetAction(),
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return acked, nil
		}
	}
}

// checkStay refuses a server that is none.
func (g *generator) checkStay() error {
	if _, err := (systems.Choice{"", config.S1, config.S2}).Parse(g.stays); err != nil {
		return systems.Usagef("--stay %w", err)
	}
	return nil
}
