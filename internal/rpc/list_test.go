package rpc_test

import (
	"slices"
	"strings"
	"testing"

	"dyno/internal/rpc"
)

// Names of lists are gRPC's own (doc/naming.md), but that each server has its port.
func TestList(t *testing.T) {
	for name, want := range map[string][]string{
		"ipv4:127.0.0.1:5001":                {"127.0.0.1:5001"},
		"ipv4:127.0.0.1:5001,127.0.0.1:5002": {"127.0.0.1:5001", "127.0.0.1:5002"},
		"ipv6:[::1]:5001,[fe80:0:0::1]:5001": {"[::1]:5001", "[fe80::1]:5001"},
		"dns:///shop:443":                    nil,
		"127.0.0.1:5001":                     nil,
		"[::1]:5001":                         nil,
		"ipv4.shop.example:443":              nil,
	} {
		got, err := rpc.List(name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		if each := (rpc.Endpoint{Address: name, ServiceConfig: "{}", Connections: 3}).Each(); len(each) != len(want) {
			t.Errorf("%s: %d endpoints, want %d", name, len(each), len(want))
		}
	}
	for name, want := range map[string]string{
		"ipv4:":                              "give IP:PORT",
		"ipv4:127.0.0.1":                     "give IP:PORT",
		"ipv4:127.0.0.1:1,":                  `"": give IP:PORT`,
		"ipv4:127.0.0.1:1, 127.0.0.1:2":      `" 127.0.0.1:2": give IP:PORT`,
		"ipv4:localhost:5001":                "dns:///NAME:PORT",
		"ipv4:///127.0.0.1:5001":             "give IP:PORT",
		"ipv4:127.0.0.1:70000":               "give IP:PORT",
		"ipv4:127.0.0.1:0":                   "port 0",
		"ipv4:127.0.0.1:5001,127.0.0.1:5001": "there twice",
		"ipv6:[::1]:5001,[0:0::1]:5001":      "there twice",
		"ipv4:[::1]:5001":                    "takes no such address",
		"ipv6:127.0.0.1:5001":                "takes no such address",
		"ipv6:[::ffff:127.0.0.1]:5001":       "takes no such address",
		"ipv6:[fe80::1%eth0]:5001":           "takes no such address",
		"ipv6:::1":                           "give [IP]:PORT",
	} {
		if got, err := rpc.List(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}
