package cluster

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// camp is a number of generals over memory, in virtual time.
type camp struct {
	keys    []keyFile
	clients []byzantinev1.GeneralServiceClient
	names   []string
	run     uint64
}

// pitch starts n generals, each served as its role serves it.
func pitch(t *testing.T, n int) *camp {
	t.Helper()
	keys, err := drawKeys(n)
	if err != nil {
		t.Fatal(err)
	}
	c := &camp{keys: keys}
	listeners := make(map[string]*bufconn.Listener)
	dial := func(target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
		return rpc.Dial("passthrough:///"+target, append(opts, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listeners[target].DialContext(ctx)
		}))...)
	}
	for id := range n {
		c.names = append(c.names, GeneralName(id))
		listeners[c.names[id]] = bufconn.Listen(1 << 16)
	}
	for id, name := range c.names {
		listener := listeners[name]
		p := &post{keys: &keys[id], dial: dial}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() {
			served <- rpc.Serve(ctx, rpc.Options{
				Listener: listener, BeforeStop: func(context.Context) { p.leave() },
				Server: []grpc.ServerOption{grpc.ChainUnaryInterceptor(p.keys.demandProof)},
			}, func(r grpc.ServiceRegistrar) { byzantinev1.RegisterGeneralServiceServer(r, p) })
		}()
		conn, err := dial(name, proving(keys[id].Runner, runnerID, id))
		if err != nil {
			t.Fatal(err)
		}
		c.clients = append(c.clients, byzantinev1.NewGeneralServiceClient(conn))
		t.Cleanup(func() {
			_ = conn.Close()
			cancel()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
	return c
}

// fight plays a run as the runner does and returns what each general says.
func (c *camp) fight(t *testing.T, b play.Run) []*byzantinev1.BeginResponse {
	t.Helper()
	a := newCluster(c.clients)
	a.runs, a.addresses = c.run, c.names
	c.run++
	if err := a.Muster(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	reports := make([]*byzantinev1.BeginResponse, b.N)
	start := time.Now().Add(time.Second).UnixNano()
	err := each(b.N, func(id int) (err error) {
		reports[id], err = c.clients[id].Begin(t.Context(), &byzantinev1.BeginRequest{Run: c.run, StartUnixNs: start})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func aRun(n, t int, algorithm, liar string, traitors general.Set) play.Run {
	a, _ := general.LookUp(algorithm)
	l, _ := adversary.LookUp(liar)
	return play.Run{
		Adversary: l, Kill: -1, Timeout: 500 * time.Millisecond, Resolver: play.ResolveMessages,
		Plan: council.Plan{Algorithm: a, N: n, T: t, Order: general.Attack, Traitors: traitors, Traitor: l.New(1), Seed: 1},
	}
}

// A general who is silent costs the others the deadline of each round in which
// they wait for him, and nothing more; the next run is as quick as ever.
func TestSilenceCostsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pitch(t, 7)
		for _, k := range []struct {
			b        play.Run
			commands time.Duration // what it takes the commander, who waits for nobody
			waits    time.Duration // what it takes a loyal lieutenant
		}{
			{aRun(7, 2, "om", "flip", general.Only(5, 6)), 0, 0},
			{aRun(7, 2, "om", "silent", general.Only(5)), 0, 3 * 500 * time.Millisecond},
			{aRun(7, 2, "om", "silent", general.Only(0)), 0, 500 * time.Millisecond},
			{aRun(7, 2, "sm", "silent", general.Only(0)), 0, 500 * time.Millisecond},
			{aRun(7, 1, "phase-king", "silent", general.Only(6)), 4 * 500 * time.Millisecond, 4 * 500 * time.Millisecond},
			{aRun(7, 2, "om", "equivocate", general.Only(0, 6)), 0, 0},
		} {
			for id, r := range c.fight(t, k.b) {
				want := k.waits
				if id == k.b.Commander {
					want = k.commands
				}
				if got := time.Duration(r.GetTookNs()); !k.b.Traitors.Has(id) && got != want {
					t.Errorf("%s, %s by %s: general %d took %v, want %v", k.b.Algorithm.Name, k.b.Adversary.Name, play.Ids(k.b.Traitors), id, got, want)
				}
			}
		}
	})
}

// Over the wire generals decide and count as they do in memory, with every
// adversary.
func TestWireAgreesWithMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pitch(t, 5)
		for _, algorithm := range general.Names() {
			for _, liar := range adversary.Names() {
				for _, traitors := range []general.Set{general.Only(0), general.Only(3)} {
					b := aRun(5, 1, algorithm, liar, traitors)
					o := &play.Outcome{Run: b}
					o.Decisions = make([]general.Decision, b.N)
					for id, r := range c.fight(t, b) {
						if err := gather(o, id, r); err != nil {
							t.Fatal(err)
						}
					}
					want := council.Run(b.Plan)
					for id := range b.Loyal().All() {
						if o.Decisions[id].Value != want.Decisions[id].Value {
							t.Errorf("%s, %s by %s: general %d decides to %s, in memory to %s", algorithm, liar, play.Ids(traitors), id, o.Decisions[id].Value, want.Decisions[id].Value)
						}
					}
					if o.Physical != want.Physical || o.Drops != want.Drops || o.Refused != 0 {
						t.Errorf("%s, %s by %s: %d batches, dropped %v, in memory %d and %v", algorithm, liar, play.Ids(traitors), o.Physical, o.Drops, want.Physical, want.Drops)
					}
				}
			}
		}
	})
}

// A batch counts once, and only until its round is over.
func TestBatchesThatDoNotCount(t *testing.T) {
	keys, err := drawKeys(4)
	if err != nil {
		t.Fatal(err)
	}
	p := &post{keys: &keys[2]}
	c, err := p.enlist(&byzantinev1.MusterRequest{
		Run: 1, Algorithm: "om", T: 1, Order: byzantinev1.Order_ORDER_ATTACK, Addresses: make([]string, 4), RoundTimeoutNs: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	batch := func(round uint32, v general.Value) *byzantinev1.DeliverRequest {
		return &byzantinev1.DeliverRequest{Round: round, Messages: []*byzantinev1.Message{toMessage(general.Message{Path: "\x00", Value: v})}}
	}
	c.deliver(0, batch(1, general.Attack))
	c.deliver(0, batch(1, general.Retreat)) // again
	c.deliver(0, batch(0, general.Retreat))
	c.deliver(0, batch(3, general.Retreat)) // there are two
	c.deliver(1, batch(2, general.Retreat)) // ahead of time, and kept
	if in := c.take(1); len(in) != 1 || in[0].From != 0 || in[0].Value != general.Attack {
		t.Errorf("round 1 brought %+v", in)
	}
	c.deliver(3, batch(1, general.Retreat)) // too late
	if in := c.take(2); len(in) != 1 || in[0].From != 1 {
		t.Errorf("round 2 brought %+v", in)
	}
	if r := c.report(0); r.GetBatches() != 2 || r.GetRefused() != 4 {
		t.Errorf("%d batches, %d refused; want 2 and 4", r.GetBatches(), r.GetRefused())
	}
	c.deliver(3, batch(1, general.Retreat)) // nobody counts any more
	if c.summary.Refused != 4 {
		t.Error("the summary changes after it was given")
	}
}

// Who calls is proved: a claim is not enough, and a proof is good for one
// method, receiver and request.
func TestProof(t *testing.T) {
	keys, err := drawKeys(4)
	if err != nil {
		t.Fatal(err)
	}
	p := &post{keys: &keys[2], dial: rpc.Dial}
	opts := rpc.Options{Server: []grpc.ServerOption{grpc.ChainUnaryInterceptor(p.keys.demandProof)}}
	conn, _ := rpctest.Start(t, opts, func(r grpc.ServiceRegistrar) { byzantinev1.RegisterGeneralServiceServer(r, p) })
	client := byzantinev1.NewGeneralServiceClient(conn)
	req := &byzantinev1.DeliverRequest{Run: 1, Round: 1}
	other := &byzantinev1.DeliverRequest{Run: 1, Round: 2}
	const deliver = byzantinev1.GeneralService_Deliver_FullMethodName
	proofOf := func(key []byte, method string, from, to int, m proto.Message) []byte {
		got, err := prove(key, method, from, to, m)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, c := range map[string]struct {
		claim string
		proof []byte
		want  string // of the error; "" lets it through to the general, who has no run yet
		code  codes.Code
	}{
		"right":              {"1", proofOf(keys[1].Peers[2], deliver, 1, 2, req), "", codes.OK},
		"no proof":           {"1", nil, "does not prove who makes it", codes.Unauthenticated},
		"another's key":      {"1", proofOf(keys[3].Peers[2], deliver, 3, 2, req), "claims to come from 1", codes.Unauthenticated},
		"own key, other id":  {"1", proofOf(keys[3].Peers[2], deliver, 1, 2, req), "claims to come from 1", codes.Unauthenticated},
		"another receiver":   {"1", proofOf(keys[1].Peers[2], deliver, 1, 3, req), "claims to come from 1", codes.Unauthenticated},
		"another request":    {"1", proofOf(keys[1].Peers[2], deliver, 1, 2, other), "claims to come from 1", codes.Unauthenticated},
		"another method":     {"1", proofOf(keys[1].Peers[2], byzantinev1.GeneralService_Begin_FullMethodName, 1, 2, req), "claims to come from 1", codes.Unauthenticated},
		"oneself":            {"2", proofOf(nil, deliver, 2, 2, req), "nobody", codes.Unauthenticated},
		"nobody":             {"4", proofOf(nil, deliver, 4, 2, req), "nobody", codes.Unauthenticated},
		"no number":          {"01", proofOf(keys[1].Peers[2], deliver, 1, 2, req), "nobody", codes.Unauthenticated},
		"the runner's place": {"runner", proofOf(keys[2].Runner, deliver, runnerID, 2, req), "not for runner to call", codes.PermissionDenied},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), senderHeader, c.claim)
		if c.proof != nil {
			ctx = metadata.AppendToOutgoingContext(ctx, proofHeader, string(c.proof))
		}
		_, err := client.Deliver(ctx, req)
		switch {
		case c.want == "" && rpc.KindOf(err) != rpc.Precondition:
			t.Errorf("%s: %v, want the general's own answer", name, err)
		case c.want != "" && (status.Code(err) != c.code || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %v and %q", name, err, c.code, c.want)
		}
	}
	begin := &byzantinev1.BeginRequest{Run: 1}
	ctx := metadata.AppendToOutgoingContext(t.Context(), senderHeader, "1",
		proofHeader, string(proofOf(keys[1].Peers[2], byzantinev1.GeneralService_Begin_FullMethodName, 1, 2, begin)))
	if _, err := client.Begin(ctx, begin); rpc.KindOf(err) != rpc.Denied || !strings.Contains(err.Error(), "not for 1 to call") {
		t.Errorf("a general orders another to begin: %v", err)
	}
}

func TestMusterRefuses(t *testing.T) {
	keys, err := drawKeys(3)
	if err != nil {
		t.Fatal(err)
	}
	p := &post{keys: &keys[0]}
	for field, spoil := range map[string]func(*byzantinev1.MusterRequest){
		"algorithm":         func(r *byzantinev1.MusterRequest) { r.Algorithm = "paxos" },
		"addresses":         func(r *byzantinev1.MusterRequest) { r.Addresses = r.Addresses[:2] },
		"t":                 func(r *byzantinev1.MusterRequest) { r.T = 3 },
		"commander":         func(r *byzantinev1.MusterRequest) { r.Commander = 3 },
		"order":             func(r *byzantinev1.MusterRequest) { r.Order = 0 },
		"round_timeout_ns":  func(r *byzantinev1.MusterRequest) { r.RoundTimeoutNs = 0 },
		"interactive":       func(r *byzantinev1.MusterRequest) { r.Interactive, r.Algorithm = true, "sm" },
		"treason.adversary": func(r *byzantinev1.MusterRequest) { r.Treason = &byzantinev1.Treason{Adversary: "nice"} },
	} {
		req := &byzantinev1.MusterRequest{Run: 1, Algorithm: "om", T: 1, Order: byzantinev1.Order_ORDER_ATTACK, Addresses: make([]string, 3), RoundTimeoutNs: 1}
		if _, err := p.enlist(req); err != nil {
			t.Fatal(err)
		}
		spoil(req)
		if _, err := p.enlist(req); rpc.FieldOf(err) != field {
			t.Errorf("%v: blames %q, want %q", err, rpc.FieldOf(err), field)
		}
	}
}

// What is read is what was written, and only the user may read it.
func TestKeys(t *testing.T) {
	keys, err := drawKeys(3)
	if err != nil {
		t.Fatal(err)
	}
	if !hmac.Equal(keys[0].Peers[2], keys[2].Peers[0]) || hmac.Equal(keys[0].Peers[2], keys[0].Peers[1]) {
		t.Error("each pair is to share a key of its own")
	}
	path := filepath.Join(t.TempDir(), "k.json")
	if err := keys[1].write(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got, err := readKeys(path); err != nil || got.Me != 1 || !hmac.Equal(got.Peers[0], keys[0].Peers[1]) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, spoil := range map[string]func(*keyFile){
		"none of 0 to 2":        func(k *keyFile) { k.Me = 3 },
		"1 generals":            func(k *keyFile) { k.Peers = k.Peers[:1] },
		"signing keys":          func(k *keyFile) { k.Private = nil },
		"with the runner":       func(k *keyFile) { k.Runner = nil },
		"shared with general 2": func(k *keyFile) { k.Peers = [][]byte{k.Peers[0], nil, nil} },
		"public key of general": func(k *keyFile) { k.Public = [][]byte{nil, nil, nil} },
	} {
		k := keys[1]
		spoil(&k)
		text, _ := json.Marshal(k)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readKeys(path); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}
