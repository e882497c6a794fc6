package target

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
)

// listed serves so many odd servers, and returns the name of their list.
func listed(t *testing.T, n int, opts ...grpc.ServerOption) (all []*odd, name string) {
	var at []string
	for range n {
		o := serveOdd(t, protos, reflectV1, codes.Unimplemented, opts...)
		all, at = append(all, o), append(at, o.address)
	}
	return all, "ipv4:" + strings.Join(at, ",")
}

// Of each call and each stream it is known which server had it: as many as came
// there, by its own address.
func TestServers(t *testing.T) {
	const requests = 3 // of a stream of them
	for method, more := range map[string]map[string]string{
		put:                    nil,
		"store.v1.Store/Watch": {knobData: `{"stock":"5"}`, knobMessages: "2"},
		"store.v1.Store/Talk":  {knobData: `{"stock":"5"}`, knobMessages: strconv.Itoa(requests), knobMessageRate: "1000"},
	} {
		for policy, called := range map[string]int{"pick_first": 1, "round_robin": 3, `least_request {"choiceCount": 2}`: 3} {
			t.Run(method+" "+policy, func(t *testing.T) {
				all, name := listed(t, 3)
				values := map[string]string{knobMethod: method, knobServiceConfig: policy}
				maps.Copy(values, more)
				p, err := ready(t, &odd{address: name}, values)
				if err != nil {
					t.Fatal(err)
				}
				came, told := make([]int, 3), make([]int, 3)
				for begin, n := time.Now(), 0; n < 60 || called == 3 && slices.Contains(came, 0) && time.Since(begin) < 20*time.Second; n++ {
					server, outcome := p.op()(t.Context(), 0)
					if outcome != record.OK || server < 0 {
						t.Fatalf("%v of server %d: %s", outcome, server, p.errors.String())
					}
					if told[server]++; method == "store.v1.Store/Talk" {
						told[server] += requests - 1
					}
					for i, o := range all { // one connection was there before the others
						for _, a := range o.arrivals() {
							if strings.HasSuffix(a.method, method) {
								came[i]++
							}
							if got := a.md.Get(":authority"); !slices.Equal(got, []string{o.address}) {
								t.Fatalf("%s is called %v", o.address, got)
							}
						}
					}
				}
				if served := 3 - count(came, 0); !slices.Equal(came, told) || served != called {
					t.Errorf("%v calls came, of which gRPC said %v; %d servers are to be called", came, told, called)
				}
			})
		}
	}
}

func count(of []int, want int) (n int) {
	for _, x := range of {
		if x == want {
			n++
		}
	}
	return n
}

// Each server shows a certificate for its own address; one that does not listen is
// missed before anything is measured, and so is a policy that waits for a call.
func TestServersReached(t *testing.T) {
	ours, _ := identities(t)
	identity, err := rpc.LoadIdentity(ours, "shop")
	if err != nil {
		t.Fatal(err)
	}
	identity = identity.Clone()
	identity.ServerName, identity.ClientAuth, identity.VerifyConnection = "", tls.NoClientCert, nil
	_, name := listed(t, 2, grpc.Creds(credentials.NewTLS(identity)))
	values := map[string]string{
		knobMethod: put, knobTLS: "on", knobCACert: filepath.Join(ours, "authority.pem"), knobServiceConfig: "round_robin",
	}
	if _, err := ready(t, &odd{address: name}, values); err != nil {
		t.Error(err)
	}
	free := listenAt(t, "tcp", "127.0.0.1:0")
	nobody := free.Addr().String()
	free.Close()
	values = map[string]string{knobMethod: put, knobServiceConfig: "round_robin"}
	_, name = listed(t, 2)
	if _, err := ready(t, &odd{address: name + "," + nobody}, values); err == nil || !strings.Contains(err.Error(), "nothing answers at "+nobody) {
		t.Error(err)
	}
	one := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	one.address = "ipv4:" + one.address
	callBoth(t, one, values)
	if lis, err := net.Listen("tcp", "[::1]:0"); err == nil {
		six := serveOddAt(t, lis, protos, reflectV1, codes.Unimplemented)
		six.address = "ipv6:" + six.address
		callBoth(t, six, values)
	}
}

// mortal answers until it has had so many calls, and dies in the last of them.
type mortal struct {
	grpc_health_v1.UnimplementedHealthServer
	left atomic.Int64
	srv  *grpc.Server
}

func (m *mortal) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if m.left.Add(-1) == 0 {
		go m.srv.Stop() // ends when this call does
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

func serveMortal(t *testing.T, calls int64) string {
	lis := listenAt(t, "tcp", "127.0.0.1:0")
	m := &mortal{srv: grpc.NewServer()}
	m.left.Store(calls)
	grpc_health_v1.RegisterHealthServer(m.srv, m)
	reflection.Register(m.srv)
	go func() { _ = m.srv.Serve(lis) }() // ended by Stop
	t.Cleanup(m.srv.Stop)
	return lis.Addr().String()
}

// One of three dies: the calls that it had in its hands are its errors, by its name,
// and the others go on; the shares are of all calls, and no vector may be bent.
func TestServerDies(t *testing.T) {
	dead := serveMortal(t, 200)
	name := "ipv4:" + strings.Join([]string{serveMortal(t, 0), dead, serveMortal(t, 0)}, ",")
	p, err := ready(t, &odd{address: name}, map[string]string{knobServiceConfig: "round_robin", knobExpect: `{"status":"SERVING"}`})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.drive(t.Context(), &driver.Flags{Length: time.Second}, driver.Closed, driver.Model{Clients: 4})
	if err != nil {
		t.Fatal(err)
	}
	if r.Targets[1].Counts.OK == r.Targets[1].Counts.Sent || !strings.Contains(r.FirstError, dead+": ") {
		t.Errorf("the dead server has %+v, the first error is %q", r.Targets[1].Counts, r.FirstError)
	}
	for i, other := range []int32{0, 2} {
		if c := r.Targets[other].Counts; c.OK != c.Sent || c.OK < r.Targets[1].Counts.OK/2 {
			t.Errorf("%d: %+v", i, c)
		}
	}
	o := r.observe(driver.Closed)
	for _, m := range serverMetrics {
		if c := m.Road.Hold(m.Name, &o); c.Status != record.Valid || c.Examined < 200 {
			t.Errorf("%s: %+v", m.Name, c)
		}
		for i := range o.Vectors[m.Name].Values {
			v := o.Vectors[m.Name].Values
			was := v[i]
			for _, lie := range []float64{was*1.01 + 1e-4, 0.99*was - 1e-4} {
				v[i] = lie
				if c := m.Road.Hold(m.Name, &o); c.Status != record.Invalid {
					t.Errorf("%s of server %d: %g instead of %g passed: %+v", m.Name, i, lie, was, c)
				}
			}
			v[i] = was
		}
		if c := m.Road.Hold(m.Name, &record.Observation{Vectors: o.Vectors, Evidence: new(record.Evidence)}); c.Status != record.Undetermined {
			t.Errorf("%s without spans: %+v", m.Name, c)
		}
	}
}

// A call that no server took is nobody's, and has a share all the same.
func TestNoServer(t *testing.T) {
	r := &report{Connection: connection{Servers: []string{"a", "b"}}}
	r.Window = record.Counts{Offered: 4, Sent: 4, OK: 3, Unknown: 1}
	r.Targets = map[int32]load.Target{
		0: {Window: record.Counts{Sent: 3, OK: 3}, LatencySum: 6 * time.Millisecond}, nobody: {Window: record.Counts{Sent: 1, Unknown: 1}},
	}
	var o record.Observation
	r.observeServers(&o)
	labels := []string{"a", "b", "no server"}
	for name, want := range map[string]record.Vector{
		serverShare:  {Labels: labels, Values: []float64{0.75, 0, 0.25}},
		serverErrors: {Labels: labels, Values: []float64{0, 0, 1}},
		serverMean:   {Labels: labels[:1], Values: []float64{2}},
	} {
		if got := o.Vectors[name]; !slices.Equal(got.Labels, want.Labels) || !slices.Equal(got.Values, want.Values) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// A policy may be named alone.
func TestPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"round_robin":                       `{"loadBalancingConfig":[{"round_robin":{}}]}`,
		"least_request":                     `{"loadBalancingConfig":[{"least_request_experimental":{}}]}`,
		`least_request  { "choiceCount":3}`: `{"loadBalancingConfig":[{"least_request_experimental":{"choiceCount":3}}]}`,
		"mine":                              `{"loadBalancingConfig":[{"mine":{}}]}`,
		`{"methodConfig": []}`:              `{"methodConfig":[]}`,
	} {
		got, err := policy(text)
		if again, _ := policy(got); err != nil || serviceConfig(got) != want || again != got {
			t.Errorf("%s: %s, %v; want %s", text, serviceConfig(got), err, want)
		}
	}
	for _, text := range []string{"round robin", "round_robin{", `[{"round_robin":{}}]`, "{", `round_robin {"a"}`} {
		if got, err := policy(text); err == nil {
			t.Errorf("%s became %s", text, got)
		}
	}
	if serviceConfig("") != "" {
		t.Error("nothing became something")
	}
}

// Of several servers a bound is told of how many calls were on a connection.
func TestStreamsOfServers(t *testing.T) {
	for _, c := range []struct {
		servers []string
		knob    int
		want    int
	}{{nil, 1, 3}, {[]string{"a", "b"}, 1, 9}, {[]string{"a", "b"}, 2, 5}} {
		got := connection{Connections: 3, Limit: 4, Servers: c.servers}
		got.streams(9, c.knob)
		flags := got.flags()
		if got.Streams != c.want || (len(flags) > 0) != (c.want > 4) {
			t.Errorf("%+v: %+v, %v", c, got, flags)
		}
		if len(flags) > 0 && (!strings.Contains(flags[0].Detail, "may have been") || !strings.Contains(flags[0].Detail, "--connections 3 ")) {
			t.Error(flags)
		}
	}
}
