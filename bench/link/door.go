package link

import (
	"context"
	"fmt"
	"io"
	"net"
)

// door is an address at which connections are accepted while it is open. It
// keeps the address while it is shut: on Linux connecting then fails with
// ECONNREFUSED. Elsewhere it stays open, and what comes in has to be turned
// away. Its methods need a common lock.
type door struct {
	config net.ListenConfig
	addr   *net.TCPAddr
	serve  func(*net.TCPListener) // starts to accept
	ln     *net.TCPListener       // nil: shut
	holder io.Closer              // of the address while the door is shut; nil: it cannot be
}

// newDoor chooses the address and opens.
func newDoor(listen string, serve func(*net.TCPListener)) (*door, error) {
	d := &door{config: net.ListenConfig{KeepAlive: -1, Control: shareAddress}, serve: serve}
	ln, err := d.config.Listen(context.Background(), "tcp", listen)
	if err != nil {
		return nil, err
	}
	d.ln, d.addr = ln.(*net.TCPListener), ln.Addr().(*net.TCPAddr)
	if d.holder, err = holdAddress(d.addr); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("hold %v: %w", d.addr, err)
	}
	serve(d.ln)
	return d, nil
}

func (d *door) open() error {
	if d.ln != nil {
		return nil
	}
	ln, err := d.config.Listen(context.Background(), "tcp", d.addr.String())
	if err != nil {
		return err
	}
	d.ln = ln.(*net.TCPListener)
	d.serve(d.ln)
	return nil
}

func (d *door) shut() {
	if d.ln != nil && d.holder != nil {
		_ = d.ln.Close() // what its kernel queue holds is reset
		d.ln = nil
	}
}

func (d *door) close() {
	if d.ln != nil {
		_ = d.ln.Close()
	}
	if d.holder != nil {
		_ = d.holder.Close()
	}
}
