package systemtest

import (
	"context"
	"flag"
	"fmt"
	"net"
	"testing"
	"text/template"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"dyno/internal/record"
	"dyno/systems"
)

func TestMain(m *testing.M) {
	known := []*systems.System{toy("toy"), ledgerSystem}
	for _, m := range mutants {
		known = append(known, m.system())
	}
	Main(m, Run(known...))
}

// toy is the smallest system that conforms. Every call makes a new one, to be
// broken.
func toy(name string) *systems.System {
	return &systems.System{
		Name:    name,
		Summary: "a server that is well",
		Roles: []systems.Role{{Serves: true, Command: systems.Command{
			Name:    "server",
			Summary: "answers health checks",
			Example: "dyno " + name + " server --listen 127.0.0.1:7000 & # in the background\n",
			Setup:   setupServer(serveToy),
		}}},
		Commands: []systems.Command{{
			Name:    "say",
			Args:    "WORD...",
			Summary: "prints words",
			Example: "dyno " + name + " say 'two words' \"and more\"\ndyno " + name + " say",
			Setup: func(systems.FlagSet) func(context.Context, systems.Shell) error {
				return func(_ context.Context, sh systems.Shell) error {
					_, err := fmt.Fprintln(sh.Out, sh.Args)
					return err
				}
			},
		}},
		Knobs:   systems.Knobs{{Name: "size", Default: "1.50", Type: systems.Float{Min: 0, Max: 2}, Help: "does nothing"}},
		Metrics: []record.Metric{{Name: "answers_per_s", Kind: record.KindScalar, Unit: "1/s", Better: record.Higher, Help: "healthy answers"}},
		Trial:   trial,
		Report:  "There were {{n}} answers.",
	}
}

var toyFuncs = template.FuncMap{"n": func() int { return 1 }}

func setupServer(serve func(context.Context, systems.Shell, string) error) func(systems.FlagSet) func(context.Context, systems.Shell) error {
	return func(fs *flag.FlagSet) func(context.Context, systems.Shell) error {
		addr := fs.String("listen", "127.0.0.1:0", "where to listen")
		return func(ctx context.Context, sh systems.Shell) error { return serve(ctx, sh, *addr) }
	}
}

func serveToy(ctx context.Context, sh systems.Shell, addr string) error {
	return serveWith(ctx, sh, addr, registerToy, reflectIt)
}

func serveWith(ctx context.Context, sh systems.Shell, addr string, register ...func(*grpc.Server)) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	for _, r := range register {
		r(s)
	}
	defer context.AfterFunc(ctx, s.Stop)()
	sh.Ready(l.Addr().String())
	return s.Serve(l)
}

func registerToy(s *grpc.Server) {
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "toy.v1.ToyService", HandlerType: (*any)(nil)}, nil)
}

func reflectIt(s *grpc.Server) { reflection.Register(s) }

// trial asks a server how it is for as long as it is told.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	var o record.Observation
	p, err := b.Start(ctx, systems.Launch{Role: "server", Name: "s1"})
	if err != nil {
		return o, err
	}
	conn, err := grpc.NewClient(p.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return o, err
	}
	defer conn.Close()
	client := grpc_health_v1.NewHealthClient(conn)
	length := b.Setting().Warmup + b.Setting().Length
	for end := time.Now().Add(length); time.Now().Before(end); {
		_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		o.Counts.Offered++
		if err != nil {
			o.Counts.Tally(record.Failed)
		} else {
			o.Counts.Tally(record.OK)
		}
	}
	o.Set("answers_per_s", float64(o.Counts.OK)/length.Seconds())
	o.Verdict = record.Judge(record.Pass("answered", o.Counts.OK+int64(v.Float("size"))))
	return o, nil
}
