package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen opens a TCP address. Its errors name the address, the reason and
// what to do, without the layers that package net wraps around them.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return lis, nil
	}
	return nil, fmt.Errorf("listen %s: %w; %s", addr, reason(err), remedy(err))
}

// reason strips what the caller says anyway: operation, network and address.
func reason(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if a, ok := errors.AsType[*net.AddrError](err); ok {
		return errors.New(a.Err)
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "choose another with --listen"
	case errors.Is(err, syscall.EACCES):
		return "choose a port above 1023 with --listen"
	default:
		return "give HOST:PORT with --listen, for example 127.0.0.1:0"
	}
}
