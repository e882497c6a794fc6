package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"dyno/internal/backoff"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/service"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/wait"
)

const (
	RegisterTimeout = 3 * time.Second // longer than the balancer's registerPatience
	reportLife      = time.Minute     // of one stream of reports; then comes the next
)

// reporter tells the balancer, wherever it is, that a server is there and how
// busy it is.
type reporter struct {
	server   *shell
	address  string
	interval time.Duration
	finder   *directory.Finder
	log      *slog.Logger
	revision wait.Latest[int64] // of the server's entry in the directory; 0: not yet there
	draining context.Context    // ended: say so, then end
	drainNow context.CancelFunc
	ended    chan struct{} // closed when run has returned

	sequence uint64
	last     service.Stats // as of the last report
	lastAt   time.Duration
}

func newReporter(s *shell, address string, interval time.Duration, f *directory.Finder, log *slog.Logger) *reporter {
	r := &reporter{server: s, address: address, interval: interval, finder: f, log: log, ended: make(chan struct{})}
	r.draining, r.drainNow = context.WithCancel(context.Background())
	return r
}

// run reports until the context ends or the server drains. A balancer that
// cannot be told of the draining is not waited for.
func (r *reporter) run(ctx context.Context) {
	defer close(r.ended)
	defer context.AfterFunc(ctx, r.drainNow)()
	var b backoff.Backoff
	for r.draining.Err() == nil {
		err := r.session(ctx, &b)
		if err == nil || r.draining.Err() != nil {
			continue
		}
		r.log.Warn("not reporting, trying again", "server", r.server.id, "error", err)
		b.Wait(r.draining, r.finder.Moved())
	}
}

// drain lets the reporter say its last and waits until it has.
func (r *reporter) drain(ctx context.Context) {
	r.drainNow()
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
}

// session registers with the balancer and reports to it until it moves, the
// server's entry in the directory is another one, the server drains, or
// something fails. It returns nil unless something failed.
func (r *reporter) session(ctx context.Context, b *backoff.Backoff) error {
	revision, reannounced := r.revision.Get()
	conn, moved, err := r.finder.Connect()
	if err != nil {
		return err
	}
	if conn == nil || revision == 0 {
		select {
		case <-moved:
		case <-reannounced:
		case <-r.draining.Done():
		}
		return nil
	}
	lb := lookasidev1.NewBalancerServiceClient(conn)
	if err := r.register(ctx, lb, revision); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reportLife)
	defer cancel()
	stream, err := lb.Report(ctx)
	if err != nil {
		return err
	}
	return r.stream(ctx, stream, b, moved, reannounced)
}

func (r *reporter) register(ctx context.Context, lb lookasidev1.BalancerServiceClient, revision int64) error {
	ctx, cancel := context.WithTimeout(ctx, RegisterTimeout)
	defer cancel()
	_, err := lb.Register(ctx, &lookasidev1.RegisterRequest{
		Id: r.server.id, Instance: r.server.instance, Address: r.address,
		Capacity: r.server.capacity, Revision: revision,
	})
	return err
}

type reports = grpc.ClientStreamingClient[lookasidev1.ReportRequest, lookasidev1.ReportResponse]

func (r *reporter) stream(ctx context.Context, stream reports, b *backoff.Backoff, moved, reannounced <-chan struct{}) error {
	tick := time.NewTimer(untilReport(time.Now(), r.interval))
	defer tick.Stop()
	for draining := false; ; {
		if err := stream.Send(r.next(draining)); err != nil {
			if errors.Is(err, io.EOF) { // the balancer has ended the stream and said why
				err = stream.RecvMsg(new(lookasidev1.ReportResponse))
			}
			if rpc.KindOf(err) == rpc.NotFound {
				r.log.Info("the balancer does not know this server, registering again", "server", r.server.id)
			}
			return err
		}
		if draining {
			_, _ = stream.CloseAndRecv() // answered once every report has been taken in
			return nil
		}
		b.Reset()
		select {
		case <-tick.C:
			tick.Reset(untilReport(time.Now(), r.interval))
		case <-r.draining.Done():
			draining = true
		case <-moved:
			return nil
		case <-reannounced:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// untilReport is the time to the next multiple of the interval on the wall
// clock, which all servers share. Picks since a report grow with its age: among
// reports of different ages the youngest looks best, and whoever reported last
// draws a small herd (balancer.TestReportsOfOneAgeAreWorthMore).
func untilReport(now time.Time, interval time.Duration) time.Duration {
	return now.Truncate(interval).Add(interval).Sub(now)
}

// next is the report as of now.
func (r *reporter) next(draining bool) *lookasidev1.ReportRequest {
	st, now := r.server.station.stats()
	seconds := (now - r.lastAt).Seconds()
	rate := func(n int64) float64 { return float64(n) / max(seconds, 1e-6) }
	done, errs := st.Completed-r.last.Completed, st.Abandoned-r.last.Abandoned
	busy := (st.Occupied - r.last.Occupied).Seconds()
	latency := (st.Sojourn - r.last.Sojourn) / time.Duration(max(done, 1))
	r.sequence++
	r.last, r.lastAt = st, now
	report := &lookasidev1.ReportRequest{
		Id: r.server.id, Instance: r.server.instance, Sequence: r.sequence,
		InFlight: st.InFlight, Utilization: min(busy/max(seconds, 1e-6), 1),
		Qps: rate(done + errs), Eps: rate(errs), Draining: draining,
		LatencyNs: int64(min(latency, balancer.MaxLatency)),
	}
	r.server.measured(report)
	return report
}
