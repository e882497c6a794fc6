//go:build !linux

package link

import (
	"io"
	"net"
	"syscall"
)

func shareAddress(string, string, syscall.RawConn) error { return nil }

// holdAddress cannot: the door stays open.
func holdAddress(*net.TCPAddr) (io.Closer, error) { return nil, nil }
