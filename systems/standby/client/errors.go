package client

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
)

// LostError says that actions which this session has seen acknowledged are in no
// server's log any more. Nothing was done. It stays until an operator accepts
// the loss.
type LostError struct {
	Server      string // who says so
	Epoch       uint64 // in which they were done
	First, Last uint64 // their action ids
	Hint        string // the operator's command
}

// Error implements error.
func (e *LostError) Error() string {
	ids := fmt.Sprintf("actions %d to %d", e.First, e.Last)
	if e.First == e.Last {
		ids = fmt.Sprintf("action %d", e.First)
	}
	return fmt.Sprintf("%s of epoch %d acknowledged, then lost with the server that had them; %s cannot get them back. "+
		"To go on without them, an operator runs: %s", ids, e.Epoch, e.Server, e.Hint)
}

// Unwrap is the error's kind, for [rpc.KindOf] and [rpc.Outcome].
func (e *LostError) Unwrap() error {
	return rpc.Errorf(rpc.Precondition, "actions are lost")
}

// UnansweredError says that the bound was reached.
type UnansweredError struct {
	Waited time.Duration
	Last   [2]error // of the last attempt at either server; nil: none was made
	Maybe  bool     // the request may have been done; otherwise both servers refused it every time
}

// Error implements error.
func (e *UnansweredError) Error() string {
	parts := []string{fmt.Sprintf("no answer for %v", e.Waited.Round(time.Millisecond))}
	for i, err := range e.Last {
		if err != nil {
			parts = append(parts, names[i]+": "+Reason(err))
		}
	}
	done := "the request was not done"
	if e.Maybe {
		done = "the request may have been done"
	}
	return strings.Join(append(parts, done), "; ")
}

// Reason says in a few words why a call has no answer: without the layers that
// gRPC wraps around a connection that could not be made.
func Reason(err error) string {
	text := status.Convert(err).Message()
	if _, inner, found := strings.Cut(text, "Error while dialing: "); found {
		return strings.TrimSuffix(inner, `"`)
	}
	return text
}

// Unwrap is the error's kind: that nothing happened is known only where every
// attempt was refused.
func (e *UnansweredError) Unwrap() error {
	if e.Maybe {
		return nil
	}
	return rpc.Errorf(rpc.Unavailable, "refused")
}

// ForgottenError says that the servers do not remember any more whether the
// request was done.
type ForgottenError struct{ Message string }

// Error implements error.
func (e *ForgottenError) Error() string {
	return "it is not known whether the request was done: " + e.Message
}

// refused is what a server answers that does not do a request. Nothing was done.
type refused struct{ *standbyv1.Refusal }

// Error implements error.
func (r refused) Error() string {
	if m := r.GetMessage(); m != "" {
		return m
	}
	return r.GetReason().String()
}

// refusal finds it in the error of a call; otherwise the error stays.
func refusal(err error) error {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*standbyv1.Refusal); ok {
			return refused{r}
		}
	}
	return err
}
