package link

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// socket is what a pipe needs of a TCP connection.
type socket interface {
	io.ReadWriteCloser
	CloseWrite() error       // sends FIN
	SetLinger(sec int) error // 0: Close sends RST
}

// closeReset closes a socket with RST.
func closeReset(s socket) {
	_ = s.SetLinger(0) // an error means that it is closed already
	_ = s.Close()
}

func closeGently(s socket) { _ = s.Close() } // an error means that it is closed already

// tcpSocket is a TCP connection whose Read tells a reset from an end.
//
// The kernel reports a reset once, to whoever asks first. When that is a
// concurrent Write, Read finds an orderly end. But a connection that was closed
// without a FIN from this side was not closed in order.
type tcpSocket struct {
	*net.TCPConn
	ending atomic.Bool // CloseWrite has been called
}

func (s *tcpSocket) CloseWrite() error {
	s.ending.Store(true)
	return s.TCPConn.CloseWrite()
}

func (s *tcpSocket) Read(p []byte) (int, error) {
	n, err := s.TCPConn.Read(p)
	if errors.Is(err, io.EOF) && closed(s.TCPConn) && !s.ending.Load() {
		err = syscall.ECONNRESET
	}
	return n, err
}
