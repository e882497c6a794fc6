package agent

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"dyno/bench/process"
	"dyno/internal/rpc"
	agentv1 "dyno/proto/agent/v1"
	"dyno/systems"
)

// What an error is whose kind a trial acts on, as google.rpc.ErrorInfo.reason.
const (
	reasonAbsent  = "ABSENT"
	reasonNoQuota = "NO_QUOTA"
	reasonUsage   = "USAGE"
)

// toStatus makes an error cross the wire as what it is.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	st := status.New(codes.Unknown, err.Error())
	info := &errdetails.ErrorInfo{Domain: rpc.Domain}
	if f, ok := errors.AsType[*process.Failure](err); ok { // which may wrap the status of a call to a role
		return detailed(st, failureOut(f))
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	absent, isAbsent := errors.AsType[*systems.AbsentError](err)
	switch {
	case isAbsent:
		info.Reason, info.Metadata = reasonAbsent, map[string]string{"what": absent.What, "get": absent.Get}
	case errors.Is(err, systems.ErrNoQuota):
		info.Reason = reasonNoQuota
	case systems.IsUsage(err):
		info.Reason = reasonUsage
	default:
		return st.Err()
	}
	return detailed(st, info)
}

func detailed(st *status.Status, d protoadapt.MessageV1) error {
	with, err := st.WithDetails(d)
	if err != nil {
		return st.Err() // cannot happen: the code is not OK and the detail is a message
	}
	return with.Err()
}

// fromStatus is the error that an agent met.
func fromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *agentv1.Failure:
			return failureIn(d)
		case *errdetails.ErrorInfo:
			switch d.GetReason() {
			case reasonAbsent:
				return &systems.AbsentError{What: d.GetMetadata()["what"], Get: d.GetMetadata()["get"]}
			case reasonNoQuota:
				return fmt.Errorf("%w (%s)", systems.ErrNoQuota, st.Message())
			case reasonUsage:
				return systems.Usagef("%s", st.Message())
			}
		}
	}
	switch st.Code() {
	case codes.Canceled:
		return fmt.Errorf("%w: %s", context.Canceled, st.Message())
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w: %s", context.DeadlineExceeded, st.Message())
	}
	return errors.New(st.Message())
}

func failureOut(f *process.Failure) *agentv1.Failure {
	out := &agentv1.Failure{Name: f.Name, Role: f.Role, Typed: f.Typed, Args: f.Args, Problem: f.Problem, Log: f.Log}
	if f.Err != nil {
		out.Reason = f.Err.Error()
	}
	return out
}

func failureIn(f *agentv1.Failure) *process.Failure {
	in := &process.Failure{
		Name: f.GetName(), Role: f.GetRole(), Typed: f.GetTyped(), Args: f.GetArgs(), Problem: f.GetProblem(), Log: f.GetLog(),
	}
	if f.GetReason() != "" {
		in.Err = errors.New(f.GetReason())
	}
	return in
}
