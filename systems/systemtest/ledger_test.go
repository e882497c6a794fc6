package systemtest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/inject"
	"dyno/internal/journal"
	"dyno/internal/node/host"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// ledgerSystem is a toy that needs all that the contract offers: state on disk,
// mutual TLS, a restart in the middle of a trial, and a link that is cut.
var ledgerSystem = &systems.System{
	Name:    "ledger",
	Summary: "numbers operations, each once",
	Roles: []systems.Role{{Serves: true, TLS: ledgerBenchTLS, Command: systems.Command{
		Name: "server", Summary: "keeps a log", Example: "dyno ledger server --dir state --keys keys", Setup: setupLedger,
	}}},
	Knobs: systems.Knobs{
		inject.Knob,
		{Name: "mutant", Default: "none", Type: systems.Choice(ledgerMutants), Help: "what the server does wrong"},
	},
	Metrics: []record.Metric{{Name: "numbers_per_s", Kind: record.KindScalar, Unit: "1/s", Better: record.Higher, Help: "operations"}},
	Trial:   ledgerTrial,
	Judge: func(bundle string) (record.Verdict, error) {
		var h ledgerHistory
		err := systems.ReadHistory(bundle, &h)
		return h.judge(), err
	},
}

const ledgerFaults = "kill server@500ms..600ms; cut server->client@900ms..1.1s" // a restart, and answers that are held back

var ledgerSetting = systems.Setting{Length: 1300 * time.Millisecond}

func TestLedgerConforms(t *testing.T) {
	Conform(t, ledgerSystem, Options{
		Setting:  ledgerSetting,
		Values:   map[string]string{"faults": ledgerFaults},
		RoleArgs: func(_ context.Context, _ string, b systems.Bench) ([]string, error) { return ledgerArgs(b, "none") },
	})
}

// Faults of the ledger's own show as soon as it is killed; without faults they
// would pass.
func TestLedgerMutants(t *testing.T) {
	for _, mutant := range []string{"forgetful", "generous", "sparing"} {
		opts := Options{Setting: ledgerSetting, Values: map[string]string{"faults": ledgerFaults, "mutant": mutant}}
		err := checkTrial(t.Context(), &subject{sys: ledgerSystem, opts: opts.complete(), dir: t.TempDir(), logf: t.Logf, bounds: generous})
		if err == nil || !strings.Contains(err.Error(), "the verdict is invalid") {
			t.Errorf("%s: %v; want a verdict that is invalid", mutant, err)
		}
	}
}

func ledgerBenchTLS(args []string) (*tls.Config, error) {
	return rpc.LoadIdentity(args[slices.Index(args, "--keys")+1], "bench")
}

func ledgerArgs(b systems.Bench, mutant string) ([]string, error) {
	state, err := b.Dir("state")
	if err != nil {
		return nil, err
	}
	keys, err := b.Dir("keys")
	if err != nil {
		return nil, err
	}
	authority, err := rpc.NewAuthority(keys)
	if err != nil {
		return nil, err
	}
	err = errors.Join(authority.Issue("server"), authority.Issue("client"), authority.Issue("bench"))
	return []string{"--dir", state, "--keys", keys, "--mutant", mutant}, err
}

// ledgerServer is the shell around the core.
type ledgerServer struct {
	echov1.UnimplementedEchoServiceServer
	host    *host.Host[uint64, told]
	waiting host.Waiters[uint64, uint64] // for an operation's number
}

func setupLedger(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	listen, dir := fs.String("listen", "127.0.0.1:0", "where to listen"), fs.String("dir", "", "folder of the journal")
	keys, mutant := fs.String("keys", "", "folder of the certificates"), fs.String("mutant", "none", "what to do wrong")
	return func(ctx context.Context, sh systems.Shell) (err error) {
		config, err := rpc.LoadIdentity(*keys, "server")
		if err != nil {
			return err
		}
		s := &ledgerServer{}
		tell := func(a told) { s.waiting.Tell(a.op, a.number) }
		s.host, _, err = host.Open(newLedger(*mutant), host.Options[told]{Dir: filepath.Join(*dir, "journal"), Send: tell})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.host.Close()) }()
		return rpc.Serve(ctx, rpc.Options{Listen: *listen, TLS: config, Ready: sh.Ready}, func(r grpc.ServiceRegistrar) {
			echov1.RegisterEchoServiceServer(r, s)
		})
	}
}

// Echo answers an operation with its number, once the host says so.
func (s *ledgerServer) Echo(ctx context.Context, req *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	if len(req.GetPayload()) != 8 {
		return nil, rpc.InvalidField("payload", "%d bytes, want 8", len(req.GetPayload()))
	}
	op := binary.BigEndian.Uint64(req.GetPayload())
	n, err := s.waiting.Await(ctx, op, func() error { return s.host.Step(op) })
	return &echov1.EchoResponse{Payload: binary.BigEndian.AppendUint64(nil, n)}, err
}

// ledgerTrial has one client that repeats each operation until it is answered.
func ledgerTrial(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	f, err := inject.Open(b, v.Text("faults"))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	args, err := ledgerArgs(b, v.Text("mutant"))
	if err != nil {
		return o, err
	}
	p, err := b.Start(ctx, systems.Launch{Role: "server", Name: "server", Args: args})
	if err != nil {
		return o, err
	}
	f.Add(p)
	addr, err := f.Link("client", p)
	if err != nil {
		return o, err
	}
	strikes, err := f.Begin(ctx)
	if err != nil {
		return o, err
	}
	h := ledgerHistory{Told: make(map[uint64]uint64)}
	length := b.Setting().Warmup + b.Setting().Length
	loadErr := ledgerLoad(ctx, args[3], addr, length, &h, &o)
	_, err = strikes.End()
	if err := errors.Join(loadErr, err, ctx.Err()); err != nil {
		return o, err
	}
	h.Missed = strikes.Missed()
	if err := p.Stop(ctx); err != nil {
		return o, err
	}
	_, err = journal.Scan(filepath.Join(args[1], "journal"), journal.Options{}, func(e journal.Entry) error {
		h.Log = append(h.Log, binary.BigEndian.Uint64(e.Data))
		return nil
	})
	if err != nil {
		return o, err
	}
	o.Set("numbers_per_s", float64(o.Counts.OK)/length.Seconds())
	o.Verdict = h.judge()
	return o, systems.KeepHistory(b, h)
}

// ledgerLoad is the client.
func ledgerLoad(ctx context.Context, keys, addr string, length time.Duration, h *ledgerHistory, o *record.Observation) error {
	config, err := rpc.LoadIdentity(keys, "client")
	if err != nil {
		return err
	}
	config.ServerName = "server"
	conn, err := rpc.Dial(addr, rpc.WithTLS(config))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := echov1.NewEchoServiceClient(conn)
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	for op := uint64(1); ctx.Err() == nil; op++ {
		o.Counts.Offered++
		outcome := record.Unknown
		for ctx.Err() == nil && outcome == record.Unknown {
			call, done := context.WithTimeout(ctx, 50*time.Millisecond)
			answer, err := client.Echo(call, &echov1.EchoRequest{Payload: binary.BigEndian.AppendUint64(nil, op)}, grpc.WaitForReady(true))
			done()
			if outcome = rpc.Outcome(err); err == nil {
				h.Told[op] = binary.BigEndian.Uint64(answer.GetPayload())
			}
		}
		o.Counts.Tally(outcome)
	}
	return nil
}

// ledgerHistory is what a trial knows at its end.
type ledgerHistory struct {
	Told   map[uint64]uint64 // the number that each operation was given
	Log    []uint64          // operations as the disk holds them
	Missed []string          // faults that did not come to pass
}

// judge: each operation is in the log once, at the place that was told; one
// that was not answered may be there or not.
func (h ledgerHistory) judge() record.Verdict {
	faults := record.Pass("faults", 1)
	if len(h.Missed) > 0 {
		faults = record.Doubt("faults", 1, "the load was over before %q", h.Missed)
	}
	places := map[uint64]uint64{}
	for i, op := range h.Log {
		places[op] = uint64(i) + 1
	}
	once := record.Pass("once", int64(len(h.Told)))
	if len(places) != len(h.Log) {
		once = record.Fail("once", 0, "%d entries are of %d operations", len(h.Log), len(places))
	}
	for _, op := range slices.Sorted(maps.Keys(h.Told)) {
		n := h.Told[op]
		if places[op] != n && once.Status == record.Valid {
			once = record.Fail("once", 0, "operation %d was told number %d and has %d", op, n, places[op])
		}
	}
	return record.Judge(once, faults)
}
