package lookaside

import "testing"

// ServeDNS serves one name, whose SRV record says 127.0.0.1 and the port.
func ServeDNS(t *testing.T, port uint16) (addr string) {
	t.Helper()
	return (&zone{port: port}).serve(t)
}
