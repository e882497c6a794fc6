package lookaside_test

import (
	"net"
	"strings"
	"testing"

	"dyno/systems"
)

// A server on all addresses of its machine is registered under the one that it
// advertises; without that, no role that is found by others starts.
func TestReach(t *testing.T) {
	c := deploy(t, "round_robin")
	s1 := c.server(t, "s1", "s1", "--listen", "0.0.0.0:0", "--advertise", "localhost")
	host, port, err := net.SplitHostPort(s1.Addr())
	if err != nil || host != "localhost" {
		t.Errorf("the server says that it is at %q: %v", s1.Addr(), err)
	}
	if rows := c.await(t, "s1"); rows[0].GetAddress() != "localhost:"+port {
		t.Errorf("the balancer sends requests to %q, want localhost:%s", rows[0].GetAddress(), port)
	}
	for _, role := range []string{"registry", "lb", "server"} {
		l := systems.Launch{Role: role, Name: role + "-anywhere", Args: []string{"--listen", ":0"}}
		if role == "server" {
			l.Args = append(l.Args, "--id", "s2")
		}
		_, err := c.bench.Start(t.Context(), l)
		if err == nil || !strings.Contains(err.Error(), "--listen :0") || !strings.Contains(err.Error(), "--advertise HOST") {
			t.Errorf("%s on all addresses: %v", role, err)
		}
	}
}
