package target

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// plane is a control plane that knows one service.
type plane struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	resources map[string]*anypb.Any // by type
}

// StreamAggregatedResources tells of each type once: what is asked for again is an
// acknowledgement.
func (p *plane) StreamAggregatedResources(s discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	told := map[string]bool{}
	for {
		q, err := s.Recv()
		if err != nil {
			return nil // the client is gone
		}
		kind := q.GetTypeUrl()
		if told[kind] || len(q.GetResourceNames()) == 0 {
			continue
		}
		told[kind] = true
		answer := &discoveryv3.DiscoveryResponse{VersionInfo: "1", Nonce: kind, TypeUrl: kind, Resources: []*anypb.Any{p.resources[kind]}}
		if err := s.Send(answer); err != nil {
			return err
		}
	}
}

func inAny(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newPlane describes a service of endpoints that take turns.
func newPlane(t *testing.T, addresses ...string) *plane {
	var endpoints []*endpointv3.LbEndpoint
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a)
		number, _ := strconv.Atoi(port)
		socket := &corev3.SocketAddress{Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(number)}}
		endpoints = append(endpoints, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
			Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: socket}},
		}}})
	}
	route := &routev3.Route{
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: ""}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "shops"}}},
	}
	manager := &managerv3.HttpConnectionManager{
		RouteSpecifier: &managerv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name: "routes", VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{route}}},
		}},
		HttpFilters: []*managerv3.HttpFilter{{
			Name: "router", ConfigType: &managerv3.HttpFilter_TypedConfig{TypedConfig: inAny(t, &routerv3.Router{})},
		}},
	}
	p := &plane{resources: map[string]*anypb.Any{}}
	for _, m := range []proto.Message{
		&listenerv3.Listener{Name: "shop", ApiListener: &listenerv3.ApiListener{ApiListener: inAny(t, manager)}},
		&clusterv3.Cluster{
			Name: "shops", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: &corev3.ConfigSource{
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			}},
		},
		&endpointv3.ClusterLoadAssignment{ClusterName: "shops", Endpoints: []*endpointv3.LocalityLbEndpoints{{
			Locality: &corev3.Locality{Region: "here"}, LoadBalancingWeight: wrapperspb.UInt32(1), LbEndpoints: endpoints,
		}}},
	} {
		a := inAny(t, m)
		p.resources[a.GetTypeUrl()] = a
	}
	return p
}

// A service that a control plane describes: the whole program finds it, and calls
// all of its servers.
func TestXDS(t *testing.T) {
	a, b := serveOdd(t, protos, reflectV1, codes.Unimplemented), serveOdd(t, protos, reflectV1, codes.Unimplemented)
	lis := listenAt(t, "tcp", "127.0.0.1:0")
	control := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(control, newPlane(t, a.address, b.address))
	go func() { _ = control.Serve(lis) }() // ended by Stop
	defer control.Stop()
	bootstrap := filepath.Join(t.TempDir(), "bootstrap.json")
	if err := os.WriteFile(bootstrap, []byte(`{"xds_servers":[{"server_uri":"`+lis.Addr().String()+
		`","channel_creds":[{"type":"insecure"}],"server_features":["xds_v3"]}],"node":{"id":"dyno"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "target", "client", "--address", "xds:///shop", "--method", put, "--clients", "4",
		"--warmup", "0s", "--length", "1s")
	cmd.Env = append(os.Environ(), "GRPC_XDS_BOOTSTRAP="+bootstrap)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "connections: 2,") {
		t.Fatalf("%v\n%s", err, out)
	}
	if na, nb := len(a.arrivals()), len(b.arrivals()); na == 0 || nb == 0 {
		t.Errorf("%d calls came to one, %d to the other\n%s", na, nb, out)
	}
}

// serveNames answers every question for an IPv4 address with two.
func serveNames(t *testing.T) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				for last := range byte(2) {
					answer.Answers = append(answer.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, last + 1}},
					})
				}
			}
			if b, err := answer.Pack(); err == nil {
				_, _ = conn.WriteTo(b, from) // who asked asks again
			}
		}
	}()
	return conn.LocalAddr().String()
}

// A name with two addresses is two connections, by round_robin; without a policy
// gRPC takes the first.
func TestNameWithTwoAddresses(t *testing.T) {
	first := listenAt(t, "tcp", "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(first.Addr().String())
	second, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skip("the port is taken at 127.0.0.2:", err)
	}
	a, b := serveOddAt(t, first, protos, reflectV1, codes.Unimplemented), serveOddAt(t, second, protos, reflectV1, codes.Unimplemented)
	shop := &odd{address: "dns://" + serveNames(t) + "/shop.example:" + port}
	for config, want := range map[string]int{`{"loadBalancingConfig":[{"round_robin":{}}]}`: 2, "": 1} {
		_, p := calls(t, shop, 40, map[string]string{knobMethod: put, knobServiceConfig: config})
		na, nb := len(a.arrivals()), len(b.arrivals())
		for begin := time.Now(); want == 2 && (na == 0 || nb == 0) && time.Since(begin) < 20*time.Second; { // one was there before the other
			p.op()(t.Context(), 0)
			na, nb = na+len(a.arrivals()), nb+len(b.arrivals())
		}
		called := 0
		for _, n := range []int{na, nb} {
			if n > 0 {
				called++
			}
		}
		if n, _ := p.conns.Streams(); n != want || called != want {
			t.Errorf("%q: %d connections, %d calls came to one and %d to the other; want %d", config, n, na, nb, want)
		}
	}
}
