package directory

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"dyno/systems"
	"dyno/systems/lookaside/directory/dnstest"
)

// By SRV, then by A alone, then nowhere, and found again elsewhere.
func TestBalancerIsFoundByDNS(t *testing.T) {
	z := &dnstest.Zone{Port: 1234}
	n, err := NewDNS("dns://" + z.Serve(t) + "/lookaside.test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	found := make(chan string)
	var finding sync.WaitGroup
	defer finding.Wait()
	defer cancel()
	finding.Go(func() {
		n.Find(ctx, "", func(addr string) {
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
	z.Set(0, false)
	until("127.0.0.1:" + DNSPort)
	z.Set(0, true)
	until("")
	z.Set(4321, false)
	until("127.0.0.1:" + strconv.Itoa(4321))
}

func TestDNSAddressesAreChecked(t *testing.T) {
	for _, text := range []string{"dns://", "dns://127.0.0.1", "dns:///name", "dns://127.0.0.1/"} {
		if _, err := NewDNS(text); !systems.IsUsage(err) {
			t.Errorf("%s: error %v", text, err)
		}
	}
	n, err := NewDNS("dns://127.0.0.1/lb.example")
	if err != nil || n.name != "lb.example." {
		t.Errorf("%+v, %v", n, err)
	}
	// A resolver that does not answer is not one that says no.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	n.Find(ctx, "", func(addr string) { t.Errorf("found %q", addr) })
}

// patience ends the wait for what will not happen; nothing is measured by it.
const patience = 30 * time.Second
