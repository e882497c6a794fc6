package yardstick

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/record"
	"dyno/internal/rpc"
	yardstickv1 "dyno/proto/yardstick/v1"
	"dyno/systems"
)

const (
	payloadBytes = 16
	callers      = 16 // of the echo's closed loop, all on one connection

	// Shares of the whole length; the rest goes to callers at once, whose CPU
	// is what most ratios are taken to.
	shareTCP        = 0.3
	shareSequential = 0.3

	// settle is the share of each part that is not measured.
	settle = 0.1

	callTimeout = 10 * time.Second
)

// errWrong is a yardstick whose answers are not what was asked.
var errWrong = errors.New("yardstick: an answer differs from its request")

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the yardstick server")
	length := fs.Duration("length", time.Second, "how long to measure in all")
	asJSON := fs.Bool("json", false, "print the result as JSON")
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" || *length <= 0 {
			return systems.Usagef("--server %q --length %v: give the address of a yardstick server, and a positive length", *server, *length)
		}
		c, err := dial(ctx, *server)
		if err != nil {
			return err
		}
		defer c.close()
		y, err := c.measure(ctx, *length)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(sh.Out).Encode(y)
		}
		for _, m := range record.YardstickMetrics {
			if _, err := fmt.Fprintf(sh.Out, "%-20s %10.1f %-6s %s\n", m.Name, y.Values[m.Name], m.Unit, m.Help); err != nil {
				return err
			}
		}
		return nil
	}
}

// client is connected to a peer both ways.
type client struct {
	conn *grpc.ClientConn
	stub yardstickv1.YardstickServiceClient
	tcp  net.Conn
	base *yardstickv1.AccountResponse // the peer's account when the connection was made
}

func dial(ctx context.Context, server string) (*client, error) {
	conn, err := rpc.Dial(server)
	if err != nil {
		return nil, systems.Usagef("--server %s: %w", server, err)
	}
	c := &client{conn: conn, stub: yardstickv1.NewYardstickServiceClient(conn)}
	c.base, err = c.account(ctx)
	if err == nil {
		c.tcp, err = new(net.Dialer).DialContext(ctx, "tcp", c.base.GetTcpAddress())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("yardstick: connect: %w", err), conn.Close())
	}
	return c, nil
}

func (c *client) close() {
	_ = c.tcp.Close()
	_ = c.conn.Close()
}

func (c *client) account(ctx context.Context) (*yardstickv1.AccountResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.stub.Account(ctx, &yardstickv1.AccountRequest{})
}

// exchange sends one payload, each time another, and compares the answer.
type exchange func(ctx context.Context) error

// pingPong is one round trip over raw TCP.
func (c *client) pingPong() exchange {
	var sent, got [payloadBytes]byte
	var n uint64
	return func(context.Context) error {
		n++
		binary.LittleEndian.PutUint64(sent[:], n)
		if _, err := c.tcp.Write(sent[:]); err != nil {
			return fmt.Errorf("yardstick: raw TCP: %w", err)
		}
		if _, err := io.ReadFull(c.tcp, got[:]); err != nil {
			return fmt.Errorf("yardstick: raw TCP: %w", err)
		}
		if got != sent {
			return fmt.Errorf("%w: raw TCP: %x for %x", errWrong, got, sent)
		}
		return nil
	}
}

// echo is one unary call.
func (c *client) echo(caller int) exchange {
	req := &yardstickv1.EchoRequest{Payload: make([]byte, payloadBytes)}
	binary.LittleEndian.PutUint64(req.Payload[8:], uint64(caller))
	var n uint64
	return func(ctx context.Context) error {
		n++
		binary.LittleEndian.PutUint64(req.Payload, n)
		resp, err := c.stub.Echo(ctx, req)
		if err != nil {
			return fmt.Errorf("yardstick: gRPC echo: %w", err)
		}
		if !bytes.Equal(resp.GetPayload(), req.GetPayload()) {
			return fmt.Errorf("%w: gRPC echo: %x for %x", errWrong, resp.GetPayload(), req.GetPayload())
		}
		return nil
	}
}

// measure takes all yardsticks, one part after the other.
func (c *client) measure(ctx context.Context, length time.Duration) (*record.Yardsticks, error) {
	ctx, cancel := context.WithTimeout(ctx, length+callTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.tcp.Close() })()
	share := func(s float64) time.Duration { return time.Duration(s * float64(length)) }

	tcp, err := c.part(ctx, share(shareTCP), c.pingPong())
	if err != nil {
		return nil, err
	}
	one, err := c.part(ctx, share(shareSequential), c.echo(0))
	if err != nil {
		return nil, err
	}
	var all []exchange
	for i := range callers {
		all = append(all, c.echo(i+1))
	}
	many, err := c.part(ctx, share(1-shareTCP-shareSequential), all...)
	if err != nil {
		return nil, err
	}
	if err := c.agree(ctx, tcp.sent, one.sent+many.sent); err != nil {
		return nil, err
	}
	return &record.Yardsticks{Checked: tcp.sent + one.sent + many.sent, Values: map[string]float64{
		record.TCPRate:       tcp.rate(),
		record.TCPMedian:     tcp.median(),
		record.TCPCPU:        tcp.each(tcp.own + tcp.peer),
		record.GRPCMedian:    one.median(),
		record.GRPCRate:      many.rate(),
		record.GRPCCPU:       many.each(many.own + many.peer),
		record.GRPCClientCPU: many.each(many.own),
		record.GRPCServerCPU: many.each(many.peer),
	}}, nil
}

// agree compares the peer's account with what was received.
func (c *client) agree(ctx context.Context, pings, echoes int64) error {
	a, err := c.account(ctx)
	if err != nil {
		return fmt.Errorf("yardstick: account: %w", err)
	}
	gotEchoes, gotBytes := a.GetEchoes()-c.base.GetEchoes(), a.GetTcpBytes()-c.base.GetTcpBytes()
	if gotEchoes != echoes || gotBytes != pings*payloadBytes {
		return fmt.Errorf("yardstick: the peer answered %d echoes and %d bytes, %d and %d were received", gotEchoes, gotBytes, echoes,
			pings*payloadBytes)
	}
	return nil
}

// part is what one closed loop brought. All but sent concern its measured
// time.
type part struct {
	sent      int64 // exchanges, the unmeasured ones included
	latency   *record.Histogram
	took      time.Duration
	own, peer time.Duration // of CPU
}

func (p *part) count() int64    { return p.latency.Count() }
func (p *part) rate() float64   { return float64(p.count()) / p.took.Seconds() }
func (p *part) median() float64 { return float64(p.latency.Quantile(0.5)) / 1e3 }

func (p *part) each(d time.Duration) float64 { return float64(d) / 1e3 / float64(p.count()) }

// part runs exchanges side by side, first to settle, then measured.
func (c *client) part(ctx context.Context, length time.Duration, all ...exchange) (*part, error) {
	warm, err := closedLoop(ctx, time.Duration(settle*float64(length)), all)
	if err != nil {
		return nil, err
	}
	before, err := c.account(ctx)
	if err != nil {
		return nil, fmt.Errorf("yardstick: account: %w", err)
	}
	p := new(part)
	began, own := time.Now(), cpuTime()
	p.latency, err = closedLoop(ctx, time.Duration((1-settle)*float64(length)), all)
	p.took, p.own = time.Since(began), cpuTime()-own
	if err != nil {
		return nil, err
	}
	after, err := c.account(ctx)
	if err != nil {
		return nil, fmt.Errorf("yardstick: account: %w", err)
	}
	p.peer = time.Duration(after.GetCpuNs() - before.GetCpuNs())
	p.sent = warm.Count() + p.latency.Count()
	return p, nil
}

// closedLoop does exchanges back to back, each in a goroutine of its own, and
// at least one of each. The first error ends them all.
func closedLoop(ctx context.Context, length time.Duration, all []exchange) (*record.Histogram, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([]*record.Histogram, len(all))
	end := time.Now().Add(length)
	var running sync.WaitGroup
	for i, do := range all {
		times[i] = record.NewHistogram()
		running.Go(func() {
			for {
				began := time.Now()
				if err := do(ctx); err != nil {
					cancel(err)
					return
				}
				now := time.Now()
				times[i].Record(now.Sub(began))
				if !now.Before(end) {
					return
				}
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for _, t := range times[1:] {
		times[0].Merge(t)
	}
	return times[0], nil
}
