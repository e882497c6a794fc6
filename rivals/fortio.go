package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"fortio.org/fortio/periodic"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
)

// fortio loads a server by fortio's library, which paces calls and times them; what
// it says of each is reported. The answers are not looked at.
func fortio(fs *flag.FlagSet) func(context.Context) (any, error) {
	f := driver.BindFlags(fs)
	server := fs.String("server", "", "HOST:PORT of the server to call")
	rate := fs.Float64("rate", 100, "calls per second")
	workers := fs.Int("clients", 8, "what fortio calls threads; each has the connection's next call under way")
	method := fs.String("method", "", "/package.Service/Method to call")
	request := fs.String("request", "", "the encoded message to send, in base64")
	return func(ctx context.Context) (any, error) {
		if err := f.Check(); err != nil {
			return nil, err
		}
		message, err := base64.StdEncoding.DecodeString(*request)
		if err != nil {
			return nil, fmt.Errorf("--request: %w", err)
		}
		conn, err := grpc.NewClient(*server, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		e := &outgoing{conn: conn, method: *method, request: new(emptypb.Empty)}
		e.request.ProtoReflect().SetUnknown(message) // encoded as they are
		calls := int64(*rate * (f.Warmup + f.Length).Seconds())
		calls -= calls % int64(*workers)                         // what is left over fortio lets one worker do, after all others have ended
		meter := driver.StartMeter(f.Warmup, f.Length+time.Hour) // it ends with the last answer
		runner := periodic.NewPeriodicRunner(&periodic.RunnerOptions{
			// In the time that is given, if the server lets it: else it makes five seconds of them.
			QPS: *rate, NumThreads: *workers, Exactly: calls, Duration: f.Warmup + f.Length, Out: new(bytes.Buffer), AccessLogger: e,
		})
		runner.Options().MakeRunners(e) // all workers share the connection
		start := time.Now()
		result := runner.Run()
		end := time.Now()
		_ = meter.Stop()
		s := driver.Testimony{Workers: *workers, Rate: *rate, Warmup: f.Warmup, Start: start, End: end, Calls: e.calls}.Summary()
		s.Checks = []record.Check{whole(calls, result.DurationHistogram.Count, s.Counts), software()}
		r := driver.Report{Summary: s}
		r.Meter(meter)
		return r, ctx.Err()
	}
}

// software says which fortio is linked, by the check that has that name in every
// trial of a rival.
func software() record.Check {
	const name, path = "software", "fortio.org/fortio"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == path {
				c := record.Pass(name, 1)
				c.Detail = path + " " + d.Version
				return c
			}
		}
	}
	return record.Doubt(name, 0, "this program does not say which %s it has: build it as a module", path)
}

// outgoing are the calls, and fortio's log of them.
type outgoing struct {
	conn    *grpc.ClientConn
	method  string
	request *emptypb.Empty // with what is sent as unknown fields

	mu    sync.Mutex
	calls []driver.Call
}

// Run implements periodic.Runnable.
func (e *outgoing) Run(ctx context.Context, _ periodic.ThreadID) (ok bool, details string) {
	ctx, cancel := context.WithTimeout(ctx, load.DefaultTimeout)
	defer cancel()
	if err := e.conn.Invoke(ctx, e.method, e.request, new(emptypb.Empty)); err != nil {
		return false, err.Error()
	}
	return true, ""
}

// Start implements periodic.AccessLogger.
func (e *outgoing) Start(ctx context.Context, _ periodic.ThreadID, _ int64, _ time.Time) context.Context {
	return ctx
}

// Report implements periodic.AccessLogger: what fortio says of one call.
func (e *outgoing) Report(_ context.Context, _ periodic.ThreadID, _ int64, at time.Time, seconds float64, ok bool, details string) {
	c := driver.Call{At: at, Latency: time.Duration(seconds * float64(time.Second)), Error: details}
	if !ok && details == "" {
		c.Error = "it failed"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, c)
}

// Info implements periodic.AccessLogger.
func (e *outgoing) Info() string { return "every call" }

// whole: fortio made all calls, and told of each.
func whole(asked, counted int64, told record.Counts) record.Check {
	if counted != asked || told.Sent != asked {
		return record.Fail("fortio", counted, "fortio was to make %d calls; it counts %d and told of %d", asked, counted, told.Sent)
	}
	c := record.Pass("fortio", counted)
	c.Detail = fmt.Sprintf("%d calls", counted)
	return c
}
