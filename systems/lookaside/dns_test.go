package lookaside

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"dyno/systems"
)

// zone is a DNS server for one name.
type zone struct {
	mu   sync.Mutex
	port uint16 // of the SRV record; 0: there is none
	gone bool   // no such name
}

func (z *zone) set(port uint16, gone bool) {
	z.mu.Lock()
	z.port, z.gone = port, gone
	z.mu.Unlock()
}

func (z *zone) serve(t *testing.T) (addr string) {
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

func (z *zone) answer(m dnsmessage.Message) *dnsmessage.Message {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := m.Questions[0]
	out := &dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1}
	switch {
	case z.gone:
		out.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeSRV && z.port != 0:
		out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.SRVResource{Port: z.port, Target: dnsmessage.MustNewName("lb.test.")}}}
	case q.Type == dnsmessage.TypeA:
		out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	return out
}

// By SRV, then by A alone, then nowhere, and found again elsewhere.
func TestBalancerIsFoundByDNS(t *testing.T) {
	z := &zone{port: 1234}
	n, err := newNames("dns://" + z.serve(t) + "/lookaside.test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	found := make(chan string)
	var finding sync.WaitGroup
	defer finding.Wait()
	defer cancel()
	finding.Go(func() {
		n.find(ctx, "", func(addr string) {
			select {
			case found <- addr:
			case <-ctx.Done():
			}
		})
	})
	until := func(want string) {
		t.Helper()
		for got := "none yet"; got != want; {
			select {
			case got = <-found:
			case <-ctx.Done():
				t.Fatalf("never found at %q, but at %q", want, got)
			}
		}
	}
	until("127.0.0.1:1234")
	z.set(0, false)
	until("127.0.0.1:" + dnsPort)
	z.set(0, true)
	until("")
	z.set(4321, false)
	until("127.0.0.1:" + strconv.Itoa(4321))
}

func TestDNSAddressesAreChecked(t *testing.T) {
	for _, text := range []string{"dns://", "dns://127.0.0.1", "dns:///name", "dns://127.0.0.1/"} {
		if _, err := newNames(text); !systems.IsUsage(err) {
			t.Errorf("%s: error %v", text, err)
		}
	}
	n, err := newNames("dns://127.0.0.1/lb.example")
	if err != nil || n.name != "lb.example." {
		t.Errorf("%+v, %v", n, err)
	}
	// A resolver that does not answer is not one that says no.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	n.find(ctx, "", func(addr string) { t.Errorf("found %q", addr) })
}
