package lookaside_test

import (
	"encoding/json"
	"net"
	"strconv"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/directory/dnstest"
)

// A client process that knows nothing but a DNS name finds the balancer's
// process, and by it the servers.
func TestClientFindsTheBalancerByDNS(t *testing.T) {
	t.Parallel() // mostly waiting
	c := &deployment{bench: bench(t, systems.Setting{})}
	c.discovery = "etcd://" + c.start(t, "registry", "registry").Addr()
	lb := c.start(t, "lb", "lb", "--policy", "round_robin", "--discovery", c.discovery)
	c.server(t, "s1", "s1")
	_, text, err := net.SplitHostPort(lb.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	name := "dns://" + (&dnstest.Zone{Port: uint16(port)}).Serve(t) + "/lookaside.test"
	for _, mode := range []string{"ask", "list"} {
		client := c.start(t, "client", "client-"+mode, "--discovery", name, "--mode", mode, "--clients", "3", "--requests", "30", "--json")
		out, err := client.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Load struct {
				Counts record.Counts `json:"counts"`
			} `json:"load"`
		}
		if err := json.Unmarshal(out, &got); err != nil || got.Load.Counts.Sent != 30 || got.Load.Counts.OK != 30 {
			t.Errorf("mode %s: %+v, %v; want 30 right answers in\n%s", mode, got, err, out)
		}
	}
}
