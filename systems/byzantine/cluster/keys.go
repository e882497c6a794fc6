package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
	"dyno/systems/byzantine/core/general"
)

// keyBytes is the length of a key that two share.
const keyBytes = 32

// keyFile is what one general is handed: JSON, byte strings in base64.
type keyFile struct {
	Me      int      `json:"me"`
	Runner  []byte   `json:"runner"`  // shared with the runner
	Peers   [][]byte `json:"peers"`   // shared with each general; nothing at the own place
	Private []byte   `json:"private"` // ed25519 seed
	Public  [][]byte `json:"public"`  // everybody's ed25519 public key
}

// drawKeys makes fresh keys for n generals.
func drawKeys(n int) ([]keyFile, error) {
	files := make([]keyFile, n)
	public := make([][]byte, n)
	for i := range files {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed) // never fails: crypto/rand ends the program instead
		key, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("ed25519 has another kind of public key than before: %T", key)
		}
		public[i] = key
		files[i] = keyFile{Me: i, Runner: newKey(), Peers: make([][]byte, n), Private: seed, Public: public}
	}
	for i := range files {
		for j := range i {
			k := newKey()
			files[i].Peers[j], files[j].Peers[i] = k, k
		}
	}
	return files, nil
}

func newKey() []byte {
	k := make([]byte, keyBytes)
	rand.Read(k)
	return k
}

// readKeys reads what a general was handed.
func readKeys(path string) (*keyFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the general's keys: %w", err)
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("the general's keys in %s: %w", path, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("the general's keys in %s: %w", path, err)
	}
	return &f, nil
}

// write puts the keys into a new file that only the user can read.
func (f *keyFile) write(path string) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func (f *keyFile) check() error {
	n := len(f.Peers)
	switch {
	case n < 2 || n > general.MaxGenerals:
		return fmt.Errorf("%d generals: there must be 2 to %d", n, general.MaxGenerals)
	case f.Me < 0 || f.Me >= n:
		return fmt.Errorf("general %d is none of 0 to %d", f.Me, n-1)
	case len(f.Private) != ed25519.SeedSize || len(f.Public) != n:
		return fmt.Errorf("the signing keys are not those of %d generals", n)
	case len(f.Runner) != keyBytes:
		return fmt.Errorf("the key shared with the runner has %d bytes, not %d", len(f.Runner), keyBytes)
	}
	for i, k := range f.Peers {
		if i != f.Me && len(k) != keyBytes {
			return fmt.Errorf("the key shared with general %d has %d bytes, not %d", i, len(k), keyBytes)
		}
		if len(f.Public[i]) != ed25519.PublicKeySize {
			return fmt.Errorf("the public key of general %d has %d bytes, not %d", i, len(f.Public[i]), ed25519.PublicKeySize)
		}
	}
	return nil
}

// signing are the keys for signed messages of one run.
func (f *keyFile) signing(run uint64) general.Keys {
	public := make([]ed25519.PublicKey, len(f.Public))
	for i, k := range f.Public {
		public[i] = k
	}
	return general.Keys{Run: run, Public: public, Private: ed25519.NewKeyFromSeed(f.Private)}
}

func keyPath(dir string, id int) string { return filepath.Join(dir, GeneralName(id)+".json") }

// forget leaves keys on no machine: what a trial leaves behind must not have them.
func forget(ctx context.Context, bench systems.Bench, dir string, n int) error {
	for id := range n {
		_ = os.Truncate(keyPath(dir, id), 0) // one that was never written
	}
	return errors.Join(systems.Publish(ctx, bench, dir), os.RemoveAll(dir))
}

// Metadata of a call that proves its sender.
const (
	senderHeader = "dyno-sender"
	proofHeader  = "dyno-proof-bin"
)

// runnerID stands for the runner where a general's id would.
const runnerID = -1

// nameOf is how a party is called in a proof.
func nameOf(id int) string {
	if id == runnerID {
		return "runner"
	}
	return strconv.Itoa(id)
}

// prove computes what shows that a request comes from a party and is meant for
// another. Replays are for the receiver to notice: run and round are in the
// request.
func prove(key []byte, method string, from, to int, req any) ([]byte, error) {
	m, ok := req.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%s: a request of type %T cannot be proved", method, req)
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00", method, nameOf(from), nameOf(to))
	h.Write(body)
	return h.Sum(nil), nil
}

// proving attaches a proof to every call of a connection.
func proving(key []byte, from, to int) grpc.DialOption {
	return grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker,
		opts ...grpc.CallOption,
	) error {
		p, err := prove(key, method, from, to, req)
		if err != nil {
			return err
		}
		ctx = metadata.AppendToOutgoingContext(ctx, senderHeader, nameOf(from), proofHeader, string(p))
		return call(ctx, method, req, reply, cc, opts...)
	})
}

type senderKey struct{}

// sender is who made a call, as proved.
func sender(ctx context.Context) int {
	id, ok := ctx.Value(senderKey{}).(int)
	if !ok {
		panic("a call that nobody proved reached its handler")
	}
	return id
}

// demandProof lets only proved calls through to the general; health and
// reflection are for everybody.
func (f *keyFile) demandProof(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !strings.HasPrefix(info.FullMethod, "/"+byzantinev1.GeneralService_ServiceDesc.ServiceName+"/") {
		return next(ctx, req)
	}
	from, err := f.proved(ctx, info.FullMethod, req)
	if err != nil {
		return nil, err
	}
	if byRunner := info.FullMethod != byzantinev1.GeneralService_Deliver_FullMethodName; byRunner != (from == runnerID) {
		return nil, rpc.Errorf(rpc.Denied, "%s is not for %s to call", info.FullMethod, nameOf(from))
	}
	return next(context.WithValue(ctx, senderKey{}, from), req)
}

// proved returns who made a call.
func (f *keyFile) proved(ctx context.Context, method string, req any) (from int, err error) {
	md, _ := metadata.FromIncomingContext(ctx)
	names, proofs := md.Get(senderHeader), md.Get(proofHeader)
	if len(names) != 1 || len(proofs) != 1 {
		return 0, rpc.Errorf(rpc.Unauthenticated, "the call does not prove who makes it: it needs %s and %s", senderHeader, proofHeader)
	}
	from, key, ok := f.keyOf(names[0])
	if !ok {
		return 0, rpc.Errorf(rpc.Unauthenticated, "%q is nobody whom general %d shares a key with", names[0], f.Me)
	}
	want, err := prove(key, method, from, f.Me, req)
	if err != nil {
		return 0, err
	}
	if !hmac.Equal(want, []byte(proofs[0])) {
		return 0, rpc.Errorf(rpc.Unauthenticated, "the call claims to come from %s and does not prove it", names[0])
	}
	return from, nil
}

// keyOf finds the key that is shared with a party.
func (f *keyFile) keyOf(name string) (id int, key []byte, ok bool) {
	if name == nameOf(runnerID) {
		return runnerID, f.Runner, true
	}
	id, err := strconv.Atoi(name)
	if err != nil || id < 0 || id >= len(f.Peers) || id == f.Me || nameOf(id) != name {
		return 0, nil, false
	}
	return id, f.Peers[id], true
}
