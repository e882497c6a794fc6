package target

import (
	"fmt"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/internal/record"
)

// connection is what a generator tells of its connections.
type connection struct {
	Connections int    `json:"connections"` // at once, at most
	Shares      int    `json:"shares"`      // into so many equal parts clients are divided, of which each has connections of its own
	Streams     int    `json:"streams"`     // in flight on each, at most
	Limit       uint32 `json:"limit"`       // how many the server allows; 0: any number
	SkipVerify  bool   `json:"skip_verify,omitempty"`
	Retries     bool   `json:"retries,omitempty"`

	Servers []string `json:"servers,omitempty"` // by number, where there may be several
}

// streams says how many calls of clients were in flight at once on a
// connection, at most: where there are several servers, one of them may have had
// all calls of those who share a connection.
func (c *connection) streams(clients, knob int) {
	if c.Shares = c.Connections; c.Servers != nil {
		c.Shares = min(knob, c.Connections)
	}
	if c.Shares > 0 {
		c.Streams = (clients + c.Shares - 1) / c.Shares
	}
}

// text tells a person.
func (c *connection) text() string {
	allowed := "any number is allowed"
	if c.Limit > 0 {
		allowed = fmt.Sprintf("%d are allowed", c.Limit)
	}
	return fmt.Sprintf("connections: %d, with up to %d calls at once on each (%s)", c.Connections, c.Streams, allowed)
}

// flags are what is to be known about the connections beside the figures.
func (c *connection) flags() (out []record.Flag) {
	flag := func(name, format string, args ...any) {
		out = append(out, record.Flag{Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	if c.Limit > 0 && c.Streams > int(c.Limit) {
		were := "were"
		if c.Servers != nil {
			were = "may have been"
		}
		flag("queued", "up to %d calls %s open on a connection, of which the server allows %d: the others waited at the client, and their "+
			"time counts (--connections %d would do)", c.Streams, were, c.Limit, (c.Streams*c.Shares+int(c.Limit)-1)/int(c.Limit))
	}
	if c.SkipVerify {
		flag("unverified", "the server's certificate was not verified (--%s): who answered is not known", knobSkipVerify)
	}
	if c.Retries {
		flag("retries", "the service config lets gRPC try calls again: a latency may be that of several")
	}
	return out
}

const (
	connectionsOpen      = "connections_open"
	streamsPerConnection = "streams_per_connection"
)

// holdStreams refutes that there were fewer streams at most than in the mean: a
// closed loop has nearly all of them in flight all the time.
func holdStreams(metric string, o *record.Observation, e *record.Evidence) record.Check {
	d, open := e.Spans[load.DigestLatency], o.Scalars[connectionsOpen]
	if d.Window <= 0 || open <= 0 {
		return record.Doubt("", 0, "there are no spans, or no connections")
	}
	if mean := d.Area / float64(d.Window) / open; mean > o.Scalars[metric]*(1+1e-6) {
		return record.Fail("", d.Sent, "%g at most, but %.3g in the mean", o.Scalars[metric], mean)
	}
	return record.Pass("", d.Sent)
}

var connectionMetrics = []record.Metric{
	{
		Name: connectionsOpen, Kind: record.KindScalar, Unit: "1", Help: "HTTP/2 connections to the service at once, at most",
	},
	{
		Name: streamsPerConnection, Kind: record.KindScalar, Unit: "1",
		Help: "calls in flight on a connection at once, at most; of several servers as if one had all calls",
		Road: evidence.Law("not below the mean number in flight on a connection, by the raw spans", holdStreams),
	},
	{
		Name: "streams_allowed", Kind: record.KindScalar, Unit: "1",
		Help: "calls that the server allows on a connection at once, where it says so; others wait at the client",
	},
	{
		Name: "template_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
		Help: "CPU time of filling in one request that has gaps: a control before the load, part of generator_us_per_request",
	},
}

// observeConnection sets them.
func (r *report) observeConnection(o *record.Observation) {
	c := r.Connection
	if c.Connections > 0 {
		o.Set(connectionsOpen, float64(c.Connections))
		o.Set(streamsPerConnection, float64(c.Streams))
	}
	if c.Limit > 0 {
		o.Set("streams_allowed", float64(c.Limit))
	}
	if r.TemplateSeconds > 0 {
		o.Set("template_us_per_request", r.TemplateSeconds*1e6)
	}
}
