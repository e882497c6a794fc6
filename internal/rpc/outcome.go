package rpc

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
)

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
