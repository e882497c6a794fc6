package balancer

import (
	"errors"
	"fmt"
)

// Errors that a server gets for what it says of itself; the shell maps them to
// INVALID_ARGUMENT, NOT_FOUND and RESOURCE_EXHAUSTED.
var (
	ErrInvalid       = errors.New("invalid")
	ErrUnknownServer = errors.New("unknown server: register again")
	ErrFull          = fmt.Errorf("the table is full with %d servers", MaxServers)
)

// NoServerError says that there is nobody to pick; the shell maps it to
// UNAVAILABLE.
type NoServerError struct {
	Service    string
	Registered int // servers in the table, none of which may be picked
}

func (e *NoServerError) Error() string {
	if e.Registered > 0 {
		return fmt.Sprintf("no server for service %q: all %d are draining", e.Service, e.Registered)
	}
	return fmt.Sprintf("no server for service %q is registered", e.Service)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
