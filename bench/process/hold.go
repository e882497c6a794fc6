package process

import (
	"io"
	"net"
	"runtime"
	"syscall"
)

// heldAddress is a socket that is bound and does not listen: connecting to it
// fails, the kernel gives its port to nobody who asks for any, and a server may
// listen there all the same.
type heldAddress int

// reserve keeps an address, and says which it is when the port is 0. It keeps
// nothing where that cannot be done: then the port may be taken, if hardly ever.
func reserve(addr string) (kept io.Closer, chosen string, err error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, "", err
	}
	if held, port := bindOnly(at); held != nil { // the port is kept from the moment it is chosen
		at.Port = port
		return held, at.String(), nil
	}
	if at.Port == 0 {
		lis, err := net.ListenTCP("tcp", at)
		if err != nil {
			return nil, "", err
		}
		at = lis.Addr().(*net.TCPAddr)
		_ = lis.Close()
	}
	return nil, at.String(), nil
}

// bindOnly binds a socket that does not listen, and says to which port; nil where
// that cannot be done.
func bindOnly(at *net.TCPAddr) (io.Closer, int) {
	if runtime.GOOS != "linux" { // elsewhere the server could not listen
		return nil, 0
	}
	family, sockaddr := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: at.Port})
	if ip := at.IP.To4(); ip != nil {
		family, sockaddr = syscall.AF_INET, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(ip)}
	} else if at.IP != nil {
		sockaddr = &syscall.SockaddrInet6{Port: at.Port, Addr: [16]byte(at.IP)}
	}
	syscall.ForkLock.RLock() // so that no child inherits it
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, 0
	}
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, sockaddr)
	}
	if err == nil {
		sockaddr, err = syscall.Getsockname(fd)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, 0
	}
	if four, ok := sockaddr.(*syscall.SockaddrInet4); ok {
		return heldAddress(fd), four.Port
	}
	return heldAddress(fd), sockaddr.(*syscall.SockaddrInet6).Port
}

// Close implements [io.Closer].
func (h heldAddress) Close() error { return syscall.Close(int(h)) }
