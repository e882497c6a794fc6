package rpc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"dyno/internal/record"
)

// Domain marks dyno's own errors on the wire (google.rpc.ErrorInfo.domain).
const Domain = "dyno"

// Kind says what went wrong, in the terms a caller acts on. The set is closed.
type Kind uint8

// The kinds of errors. The zero value is none of them: no error, or one that
// no server of dyno raised (deadline, cancellation, a broken connection).
const (
	None            Kind = iota
	Invalid              // the request can never succeed: INVALID_ARGUMENT
	NotFound             // what it names does not exist: NOT_FOUND
	Refused              // turned away to bound the load, try again; nothing happened: RESOURCE_EXHAUSTED
	Unavailable          // cannot serve now; nothing happened: UNAVAILABLE
	Conflict             // lost against a concurrent request; nothing happened: ABORTED
	Precondition         // the state does not allow it, such as a run that is over; nothing happened: FAILED_PRECONDITION
	Declined             // a rule of the business says no, such as for want of funds; nothing happened: FAILED_PRECONDITION
	Unauthenticated      // the caller does not prove who it is; nothing happened: UNAUTHENTICATED
	Denied               // the caller is known and may not do this; nothing happened: PERMISSION_DENIED
	Internal             // a bug; what happened is not known: INTERNAL
)

// kinds is the one mapping between kinds and the wire.
var kinds = [...]struct {
	reason string // google.rpc.ErrorInfo.reason
	code   codes.Code
}{
	None:            {"NONE", codes.Unknown},
	Invalid:         {"INVALID", codes.InvalidArgument},
	NotFound:        {"NOT_FOUND", codes.NotFound},
	Refused:         {"REFUSED", codes.ResourceExhausted},
	Unavailable:     {"UNAVAILABLE", codes.Unavailable},
	Conflict:        {"CONFLICT", codes.Aborted},
	Precondition:    {"PRECONDITION", codes.FailedPrecondition},
	Declined:        {"DECLINED", codes.FailedPrecondition},
	Unauthenticated: {"UNAUTHENTICATED", codes.Unauthenticated},
	Denied:          {"DENIED", codes.PermissionDenied},
	Internal:        {"INTERNAL", codes.Internal},
}

// String returns the kind in lower case.
func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return strings.ToLower(kinds[k].reason)
}

// Error is an error that a server answers with. It crosses the wire as a gRPC
// status with a google.rpc.ErrorInfo; wrapping it with %w keeps both.
type Error struct {
	Kind       Kind
	Message    string
	Field      string        // Invalid: which field of the request, if one is to blame
	RetryAfter time.Duration // Refused, Unavailable, Conflict: when to try again; 0: not said
}

// Errorf makes an error of a kind.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// InvalidField makes an Invalid error that blames one field of the request.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Message: field + ": " + fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// GRPCStatus is how gRPC asks an error for its status.
func (e *Error) GRPCStatus() *status.Status {
	k := e.Kind
	if k == None || int(k) >= len(kinds) {
		k = Internal // made by mistake
	}
	st := status.New(kinds[k].code, e.Message)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: kinds[k].reason, Domain: Domain}}
	if k == Invalid && e.Field != "" {
		details = append(details, &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: e.Field, Description: e.Message}},
		})
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	with, err := st.WithDetails(details...)
	if err != nil {
		return st // cannot happen: the code is not OK and the details are messages
	}
	return with
}

// KindOf finds the kind of an error, on the server as well as on the client.
// Errors that dyno did not raise, nil among them, are None.
func KindOf(err error) Kind { return decode(err).Kind }

// FieldOf finds the field of the request that an Invalid error blames.
func FieldOf(err error) string { return decode(err).Field }

// RetryAfterOf finds how long to wait before the next attempt; 0: not said.
func RetryAfterOf(err error) time.Duration { return decode(err).RetryAfter }

func decode(err error) Error {
	if err == nil {
		return Error{}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return *e
	}
	st, ok := status.FromError(err)
	if !ok {
		return Error{}
	}
	e := Error{Message: st.Message()}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			e.Kind = kindOnWire(d, st.Code())
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Field = v.GetField()
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	return e
}

func kindOnWire(info *errdetails.ErrorInfo, code codes.Code) Kind {
	if info.GetDomain() != Domain {
		return None
	}
	for k, on := range kinds {
		if on.reason == info.GetReason() && on.code == code && Kind(k) != None {
			return Kind(k)
		}
	}
	return None
}

// Outcome classifies a finished call as its client may honestly claim it.
//
// Refused needs a server of dyno that says so: gRPC itself answers
// RESOURCE_EXHAUSTED to a response that is too large, and UNAVAILABLE to a
// connection that broke with the request on it, and in both cases the work may
// have been done. For the same reason INTERNAL (a panic half way), UNKNOWN,
// DATA_LOSS, deadlines and cancellations are record.Unknown. Whether the
// answer to a successful call is right is for the caller to judge.
func Outcome(err error) record.Outcome {
	if err == nil {
		return record.OK
	}
	switch KindOf(err) {
	case Refused, Unavailable:
		return record.Refused
	case Invalid, NotFound, Conflict, Precondition, Declined, Unauthenticated, Denied:
		return record.Failed
	case Internal:
		return record.Unknown
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.Unauthenticated, codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.Unimplemented:
		return record.Failed
	default:
		return record.Unknown
	}
}
