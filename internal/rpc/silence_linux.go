package rpc

import (
	"net"

	"golang.org/x/sys/unix"
)

// boundSilence lets the kernel give up a connection whose peer acknowledges
// nothing for as long as a ping may take (TCP_USER_TIMEOUT). An error leaves it
// to the pings.
func boundSilence(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(pingTimeout.Milliseconds()))
	})
}
