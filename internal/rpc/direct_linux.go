package rpc

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// direct reads and writes a socket without telling Go's scheduler of the system
// calls. A socket of Go's never blocks, so there is nothing to be told; and a
// process that is idle between two calls pays for it: every system call that the
// scheduler is told of wakes its monitor, a thread that then looks round every
// 20 µs until all is idle again.
type direct struct {
	net.Conn
	read, write transfer
}

// directly is the connection, by direct system calls where it is a socket.
func directly(c net.Conn) net.Conn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	d := &direct{Conn: c}
	d.read.init("read", unix.SYS_READ, raw.Read)
	d.write.init("write", unix.SYS_WRITE, raw.Write)
	return d
}

// Read implements net.Conn.
func (d *direct) Read(b []byte) (int, error) {
	d.read.turn.Lock()
	defer d.read.turn.Unlock()
	n, err := d.read.move(b)
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return n, d.explain(&d.read, err)
}

// Write implements net.Conn. What it writes stays together, whoever else writes.
func (d *direct) Write(b []byte) (sent int, err error) {
	d.write.turn.Lock()
	defer d.write.turn.Unlock()
	for sent < len(b) && err == nil {
		var n int
		n, err = d.write.move(b[sent:])
		sent += n
	}
	return sent, d.explain(&d.write, err)
}

// explain says what package net would.
func (d *direct) explain(t *transfer, err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return &net.OpError{
			Op: t.name, Net: d.LocalAddr().Network(), Source: d.LocalAddr(), Addr: d.RemoteAddr(), Err: os.NewSyscallError(t.name, errno),
		}
	}
	return err
}

// transfer is one of the two directions.
type transfer struct {
	name string
	call uintptr
	when func(func(fd uintptr) bool) error // calls it when the socket is ready, until it is done
	once func(fd uintptr) bool             // made once: it would be allocated for each call

	turn  sync.Mutex // of one Read or Write; guards what follows
	b     []byte
	n     int
	errno syscall.Errno
}

func (t *transfer) init(name string, call uintptr, when func(func(uintptr) bool) error) {
	t.name, t.call, t.when, t.once = name, call, when, t.try
}

func (t *transfer) move(b []byte) (int, error) {
	t.b, t.n, t.errno = b, 0, 0
	err := t.when(t.once)
	t.b = nil
	switch {
	case err != nil:
		return 0, err
	case t.errno != 0:
		return 0, t.errno
	}
	return t.n, nil
}

// try is the system call; it is done unless the socket is not ready.
func (t *transfer) try(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall(t.call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.b))), uintptr(len(t.b)))
		if errno == unix.EINTR {
			continue
		}
		if t.errno = errno; errno == 0 {
			t.n = int(n)
		}
		return errno != unix.EAGAIN
	}
}
