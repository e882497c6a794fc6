package rpc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/resolver"
)

// list resolves ipv4:HOST:PORT,… or ipv6:[HOST]:PORT,…, gRPC's names of servers
// that are known by number, which grpc-go leaves out: to it, such a name is a host's.
// It is registered, since ghz can be given no resolver otherwise.
type list string

// The schemes of lists.
const (
	ipv4 list = "ipv4"
	ipv6 list = "ipv6"
)

func init() {
	resolver.Register(ipv4)
	resolver.Register(ipv6)
}

// Scheme implements resolver.Builder.
func (l list) Scheme() string { return string(l) }

// Build implements resolver.Builder. Each server goes by its own address, to its
// certificate and in :authority; else both would be the whole list.
func (l list) Build(target resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	servers, err := l.parse(target.URL.Opaque)
	if err != nil {
		return nil, err
	}
	var state resolver.State
	for _, s := range servers {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: s, ServerName: s}}})
	}
	return l, cc.UpdateState(state)
}

// ResolveNow implements resolver.Resolver: the list stays as it is.
func (list) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements resolver.Resolver.
func (list) Close() {}

// List takes the name of a list apart: HOST:PORT of each server. Of another
// target there are none.
func List(target string) ([]string, error) {
	scheme, rest, _ := strings.Cut(target, ":")
	if l := list(scheme); l == ipv4 || l == ipv6 {
		return l.parse(rest)
	}
	return nil, nil
}

func (l list) parse(text string) (servers []string, err error) {
	for one := range strings.SplitSeq(text, ",") {
		at, err := l.one(one)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", one, err)
		}
		if slices.Contains(servers, at) {
			return nil, fmt.Errorf("%s is there twice: gRPC takes it for one server", at)
		}
		servers = append(servers, at)
	}
	return servers, nil
}

// one is HOST:PORT of one server. In gRPC's names the port may be missing; who lists
// servers seldom means 443, which is taken then.
func (l list) one(text string) (string, error) {
	at, err := netip.ParseAddrPort(text)
	switch host := at.Addr(); {
	case err != nil && l == ipv6:
		return "", errors.New("give [IP]:PORT of each server, or dns:///NAME:PORT for a name that stands for several")
	case err != nil:
		return "", errors.New("give IP:PORT of each server, or dns:///NAME:PORT for a name that stands for several")
	case host.Is4() != (l == ipv4), host.Is4In6(), host.Zone() != "":
		return "", fmt.Errorf("%s: takes no such address, nor one with a zone, nor IPv4 in IPv6", l)
	case at.Port() == 0:
		return "", errors.New("no server listens at port 0")
	}
	return at.String(), nil
}
