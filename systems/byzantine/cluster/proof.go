package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
)

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
