package process

import (
	"net"
	"sync"
	"testing"
)

// No two reservations made at the same time have the same port, and a server may
// listen on each.
func TestReservationsDiffer(t *testing.T) {
	var mu sync.Mutex
	var all sync.WaitGroup
	taken := make(map[string]bool)
	for range 8 {
		all.Go(func() {
			for range 50 {
				held, addr, err := reserve("127.0.0.1:0")
				if err != nil {
					t.Error(err)
					return
				}
				if held != nil {
					t.Cleanup(func() { held.Close() })
				}
				mu.Lock()
				if taken[addr] && held != nil {
					t.Errorf("%s is reserved twice", addr)
				}
				taken[addr] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for addr := range taken {
		lis, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		lis.Close()
		break
	}
}

func TestReserveAnyHost(t *testing.T) {
	held, addr, err := reserve(":0")
	if err != nil {
		t.Fatal(err)
	}
	if held != nil {
		defer held.Close()
	}
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "0" {
		t.Errorf("%q, %v", addr, err)
	}
}
