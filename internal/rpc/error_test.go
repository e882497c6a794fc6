package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
)

// Every error is raised by a real handler and read by a real client.
func TestErrorsCrossTheWire(t *testing.T) {
	foreign, err := status.New(codes.ResourceExhausted, "quota").WithDetails(&errdetails.ErrorInfo{Reason: "REFUSED", Domain: "example.org"})
	if err != nil {
		t.Fatal(err)
	}
	forged, err := status.New(codes.DataLoss, "x").WithDetails(&errdetails.ErrorInfo{Reason: "REFUSED", Domain: rpc.Domain})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raised  error
		code    codes.Code
		kind    rpc.Kind
		outcome record.Outcome
	}{
		"none":               {nil, codes.OK, rpc.None, record.OK},
		"invalid":            {rpc.Errorf(rpc.Invalid, "x"), codes.InvalidArgument, rpc.Invalid, record.Failed},
		"invalid field":      {rpc.InvalidField("payload", "x"), codes.InvalidArgument, rpc.Invalid, record.Failed},
		"not found":          {rpc.Errorf(rpc.NotFound, "x"), codes.NotFound, rpc.NotFound, record.Failed},
		"refused":            {rpc.Errorf(rpc.Refused, "x"), codes.ResourceExhausted, rpc.Refused, record.Refused},
		"unavailable":        {rpc.Errorf(rpc.Unavailable, "x"), codes.Unavailable, rpc.Unavailable, record.Refused},
		"conflict":           {rpc.Errorf(rpc.Conflict, "x"), codes.Aborted, rpc.Conflict, record.Failed},
		"precondition":       {rpc.Errorf(rpc.Precondition, "x"), codes.FailedPrecondition, rpc.Precondition, record.Failed},
		"declined":           {rpc.Errorf(rpc.Declined, "x"), codes.FailedPrecondition, rpc.Declined, record.Failed},
		"unauthenticated":    {rpc.Errorf(rpc.Unauthenticated, "x"), codes.Unauthenticated, rpc.Unauthenticated, record.Failed},
		"denied":             {rpc.Errorf(rpc.Denied, "x"), codes.PermissionDenied, rpc.Denied, record.Failed},
		"internal":           {rpc.Errorf(rpc.Internal, "x"), codes.Internal, rpc.Internal, record.Unknown},
		"no kind":            {rpc.Errorf(rpc.None, "x"), codes.Internal, rpc.Internal, record.Unknown},
		"no such kind":       {rpc.Errorf(99, "x"), codes.Internal, rpc.Internal, record.Unknown},
		"wrapped":            {fmt.Errorf("while: %w", rpc.Errorf(rpc.Refused, "x")), codes.ResourceExhausted, rpc.Refused, record.Refused},
		"plain":              {errors.New("x"), codes.Internal, rpc.Internal, record.Unknown},
		"deadline":           {context.DeadlineExceeded, codes.DeadlineExceeded, rpc.None, record.Unknown},
		"cancelled":          {fmt.Errorf("while: %w", context.Canceled), codes.Canceled, rpc.None, record.Unknown},
		"broken connection":  {status.Error(codes.Unavailable, "x"), codes.Unavailable, rpc.None, record.Unknown},
		"gRPC's own limit":   {status.Error(codes.ResourceExhausted, "x"), codes.ResourceExhausted, rpc.None, record.Unknown},
		"another's refusal":  {foreign.Err(), codes.ResourceExhausted, rpc.None, record.Unknown},
		"reason beside code": {forged.Err(), codes.DataLoss, rpc.None, record.Unknown},
		"unimplemented":      {status.Error(codes.Unimplemented, "x"), codes.Unimplemented, rpc.None, record.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := rpctest.Start(t, rpc.Options{}, raising(c.raised))
			got := call(t, conn, time.Minute)
			if status.Code(got) != c.code || rpc.KindOf(got) != c.kind || rpc.Outcome(got) != c.outcome {
				t.Errorf("client sees code %v, kind %v, outcome %v; want %v, %v, %v",
					status.Code(got), rpc.KindOf(got), rpc.Outcome(got), c.code, c.kind, c.outcome)
			}
			if c.raised != nil && status.Convert(got).Message() == "" {
				t.Error("the message was lost")
			}
		})
	}
}

func raising(err error) func(grpc.ServiceRegistrar) {
	return answering(func(context.Context, *echov1.EchoRequest) (*echov1.EchoResponse, error) {
		return &echov1.EchoResponse{}, err
	})
}

func TestDetailsCrossTheWire(t *testing.T) {
	conn, _ := rpctest.Start(t, rpc.Options{}, answering(
		func(_ context.Context, r *echov1.EchoRequest) (*echov1.EchoResponse, error) {
			if len(r.GetPayload()) == 0 {
				return nil, rpc.InvalidField("payload", "is empty")
			}
			return nil, &rpc.Error{Kind: rpc.Refused, Message: "queue is full", RetryAfter: 40 * time.Millisecond}
		}))
	client := echov1.NewEchoServiceClient(conn)
	_, err := client.Echo(t.Context(), &echov1.EchoRequest{})
	if f := rpc.FieldOf(err); f != "payload" || status.Convert(err).Message() != "payload: is empty" {
		t.Errorf("field %q, error %v", f, err)
	}
	_, err = client.Echo(t.Context(), &echov1.EchoRequest{Payload: []byte("x")})
	if d := rpc.RetryAfterOf(err); d != 40*time.Millisecond || rpc.FieldOf(err) != "" {
		t.Errorf("retry after %v, field %q; want 40ms and none", d, rpc.FieldOf(err))
	}
}

// Errors that never crossed a wire are classified in the same way.
func TestOutcomeOfLocalErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want record.Outcome
	}{
		{nil, record.OK},
		{errors.New("x"), record.Unknown},
		{context.Canceled, record.Unknown},
		{context.DeadlineExceeded, record.Unknown},
		{rpc.Errorf(rpc.Refused, "x"), record.Refused},
		{fmt.Errorf("pick: %w", rpc.Errorf(rpc.NotFound, "x")), record.Failed},
	} {
		if got := rpc.Outcome(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestKindNames(t *testing.T) {
	for k := rpc.None; k <= rpc.Internal; k++ {
		if k.String() == "" {
			t.Errorf("kind %d has no name", uint8(k))
		}
	}
	if got := rpc.Kind(99).String(); got != "kind 99" {
		t.Errorf("a kind outside the set is called %q", got)
	}
}
