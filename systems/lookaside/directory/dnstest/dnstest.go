// Package dnstest is a DNS server for tests.
package dnstest

import (
	"net"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Zone is a DNS server for one name, lookaside.test, whose SRV record points at
// 127.0.0.1.
type Zone struct {
	mu   sync.Mutex
	Port uint16 // of the SRV record; 0: there is none
	gone bool   // no such name
}

// Set changes what is answered from now on; gone: there is no such name.
func (z *Zone) Set(port uint16, gone bool) {
	z.mu.Lock()
	z.Port, z.gone = port, gone
	z.mu.Unlock()
}

// Serve answers until the test ends.
func (z *Zone) Serve(t *testing.T) (addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			if out, err := z.answer(m).Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return conn.LocalAddr().String()
}

func (z *Zone) answer(m dnsmessage.Message) *dnsmessage.Message {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := m.Questions[0]
	out := &dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1}
	switch {
	case z.gone:
		out.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeSRV && z.Port != 0:
		srv := &dnsmessage.SRVResource{Port: z.Port, Target: dnsmessage.MustNewName("lb.test.")}
		out.Answers = []dnsmessage.Resource{{Header: head, Body: srv}}
	case q.Type == dnsmessage.TypeA:
		out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	return out
}
