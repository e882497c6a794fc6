package link

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lingerNot makes a socket that is closed before it is in use send RST.
func lingerNot(_, _ string, c syscall.RawConn) error {
	var err error
	if ctrlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}); ctrlErr != nil {
		return ctrlErr
	}
	return os.NewSyscallError("setsockopt", err)
}

// closed says whether the kernel considers a connection closed both ways.
func closed(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var info *unix.TCPInfo
	if ctrlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); ctrlErr != nil || err != nil {
		return false
	}
	return info.State == unix.BPF_TCP_CLOSE
}
