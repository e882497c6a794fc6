package target

import (
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
)

// servers number those that calls go to, where there may be several: gRPC knows of
// each call which it was. Nil: there is one.
type servers struct {
	seen sync.Map // by the net.Addr of a connection, which all of its calls share

	mu    sync.Mutex
	names []string // by number: those of a list, then as they come
}

func newServers(e rpc.Endpoint) *servers {
	if !e.Several() {
		return nil
	}
	s := new(servers)
	for _, one := range e.Each() {
		s.names = append(s.names, one.Address)
	}
	return s
}

// nobody is the number of a call that came to no server.
const nobody = -1

// watch adds to the options of a call that it tells who answered.
func (s *servers) watch(options []grpc.CallOption) ([]grpc.CallOption, *peer.Peer) {
	if s == nil {
		return options, nil
	}
	p := new(peer.Peer)
	return append(slices.Clip(options), grpc.Peer(p)), p
}

// of is the number of who answered a call, or did not answer it.
func (s *servers) of(p *peer.Peer) int32 {
	if s == nil {
		return 0
	}
	if p == nil || p.Addr == nil {
		return nobody
	}
	if n, ok := s.seen.Load(p.Addr); ok {
		return n.(int32)
	}
	n := s.number(p.Addr)
	s.seen.Store(p.Addr, n)
	return n
}

func (s *servers) number(a net.Addr) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.Index(s.names, a.String())
	if n < 0 {
		n = len(s.names)
		s.names = append(s.names, a.String())
	}
	return int32(n)
}

// ofStream is the same of a stream that has ended.
func (s *servers) ofStream(stream grpc.ClientStream) int32 {
	if s == nil {
		return 0
	}
	p, _ := peer.FromContext(stream.Context())
	return s.of(p)
}

// at says whose an error is.
func (s *servers) at(n int32) string {
	if s == nil || n == nobody {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[n] + ": "
}

// all are their names by number.
func (s *servers) all() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// Of each server, in the window.
const (
	serverShare  = "server_share"
	serverErrors = "server_error_share"
	serverMean   = "server_mean"
)

var serverMetrics = []record.Metric{
	{
		Name: serverShare, Words: "share of calls", Kind: record.KindVector, Unit: "1",
		Help: "share of operations that went to each server, where gRPC may choose one of several; as gRPC names who answered",
		Road: bySpans("each a whole number of the raw spans, all of them together", holdShares),
	},
	{
		Name: serverErrors, Kind: record.KindVector, Unit: "1", Better: record.Lower,
		Help: "of the operations of each server, those that were not answered OK",
		Road: bySpans("with server_share, the raw spans that were not OK", holdErrors),
	},
	{
		Name: serverMean, Words: "mean response", Kind: record.KindVector, Unit: "ms", Better: record.Lower,
		Help: "mean response of each server, of operations that were OK",
		Road: bySpans("with server_share and server_error_share, the sum of the raw spans", holdMeans),
	},
}

// maxServers bounds how many are named.
const maxServers = 64

// observeServers sets them. A server of a list that nothing went to has its zero.
func (r *report) observeServers(o *record.Observation) {
	names := r.Connection.Servers
	if len(names) == 0 || len(names) > maxServers || len(r.Targets) == 0 || r.Window.Sent == 0 {
		return
	}
	var errs, shares, means []float64
	var answering []string
	number := func(name string, t load.Target) {
		shares = append(shares, float64(t.Window.Sent)/float64(r.Window.Sent))
		errs = append(errs, float64(t.Window.Sent-t.Window.OK)/float64(max(t.Window.Sent, 1)))
		if t.Window.OK > 0 {
			answering = append(answering, name)
			means = append(means, float64(t.LatencySum)/float64(t.Window.OK)/1e6)
		}
	}
	for i, name := range names {
		number(name, r.Targets[int32(i)])
	}
	if t := r.Targets[nobody]; t.Window.Sent > 0 {
		names = append(slices.Clip(names), "no server")
		number("no server", t)
	}
	o.SetVector(serverShare, names, shares)
	o.SetVector(serverErrors, names, errs)
	o.SetVector(serverMean, answering, means)
}

// eachServer goes through the servers: how many operations went there, and how many of
// them were not OK, as the vectors say.
func eachServer(o *record.Observation, sent int64, do func(name string, calls, failed float64)) {
	shares, errs := o.Vectors[serverShare], o.Vectors[serverErrors]
	for i, name := range shares.Labels {
		calls := shares.Values[i] * float64(sent)
		do(name, calls, calls*errs.Values[i])
	}
}

// bySpans is a law about the vectors and the raw spans.
func bySpans(text string, hold func(metric string, o *record.Observation, d record.SpanDigest) record.Check) record.Road {
	return evidence.Law(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		d, ok := e.Spans[load.DigestLatency]
		if !ok || len(o.Vectors[serverErrors].Labels) != len(o.Vectors[serverShare].Labels) {
			return record.Doubt("", 0, "there is no digest of the spans, or a server is missing")
		}
		return hold(metric, o, d)
	})
}

func holdShares(_ string, o *record.Observation, d record.SpanDigest) record.Check {
	sum, broken := 0.0, ""
	eachServer(o, d.Sent, func(name string, calls, _ float64) {
		if sum += calls; math.Abs(calls-math.Round(calls)) > 1e-3 {
			broken = name
		}
	})
	if broken != "" {
		return record.Fail("", d.Sent, "the share of %s is no whole number of %d spans", broken, d.Sent)
	}
	return evidence.Same(sum, float64(d.Sent), d.Sent, "measured spans")
}

func holdErrors(_ string, o *record.Observation, d record.SpanDigest) record.Check {
	sum := 0.0
	eachServer(o, d.Sent, func(_ string, _, failed float64) { sum += failed })
	if want := float64(d.Sent - d.Count); math.Abs(sum-want) > 1e-3 {
		return record.Fail("", d.Sent, "%.6g operations are said to have failed, of the spans %g", sum, want)
	}
	return record.Pass("", d.Sent)
}

func holdMeans(metric string, o *record.Observation, d record.SpanDigest) record.Check {
	sum, means := 0.0, o.Vectors[metric]
	eachServer(o, d.Sent, func(name string, calls, failed float64) {
		if i := slices.Index(means.Labels, name); i >= 0 {
			sum += (calls - failed) * means.Values[i] * 1e6
		}
	})
	return evidence.Same(sum, d.Sum, d.Count, "ns of all spans that were OK")
}

// tellServers prints them.
func (r *report) tellServers(w io.Writer) {
	var o record.Observation
	r.observeServers(&o)
	means := o.Vectors[serverMean]
	eachServer(&o, r.Window.Sent, func(name string, calls, failed float64) {
		fmt.Fprintf(w, "%s: %.0f calls (%.1f %%)", name, calls, 100*calls/float64(r.Window.Sent))
		if i := slices.Index(means.Labels, name); i >= 0 {
			fmt.Fprintf(w, ", mean %.3g ms", means.Values[i])
		}
		if failed > 0 {
			fmt.Fprintf(w, ", %.0f not OK", failed)
		}
		fmt.Fprintln(w)
	})
}
