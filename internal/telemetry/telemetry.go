// Package telemetry shows what happens in a process by the means that others
// have: metrics of its RPCs in Prometheus' text format, spans of them to a
// collector of OpenTelemetry. It costs what it costs: nothing that is measured for
// a report runs with it.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"dyno/internal/rpc"
)

// grace is what the last spans have to reach the collector.
const grace = 3 * time.Second

// Start is what [rpc.Telemetry] says.
func Start(ctx context.Context, o rpc.Shown, ready func(addr string)) (stop func() error, err error) {
	var ends []func() error
	stop = func() error {
		var all []error
		for _, end := range ends {
			all = append(all, end())
		}
		return errors.Join(all...)
	}
	var server []grpc.ServerOption
	var dial []grpc.DialOption
	if o.Traces != "" {
		provider, err := traces(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("--traces %s: %w", o.Traces, err)
		}
		ends = append(ends, func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			if err := provider.Shutdown(ctx); err != nil {
				return fmt.Errorf("--traces %s: the last spans did not reach it: %w", o.Traces, err)
			}
			return nil
		})
		options := []otelgrpc.Option{otelgrpc.WithTracerProvider(provider), otelgrpc.WithPropagators(propagation.TraceContext{})}
		server = append(server, grpc.StatsHandler(otelgrpc.NewServerHandler(options...)))
		dial = append(dial, grpc.WithStatsHandler(otelgrpc.NewClientHandler(options...)))
	}
	if o.Metrics != "" {
		served := grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram())
		made := grpcprom.NewClientMetrics(grpcprom.WithClientHandlingTimeHistogram())
		end, err := serve(ctx, o.Metrics, ready, served, made)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		ends = append(ends, end)
		server = append(server,
			grpc.ChainUnaryInterceptor(served.UnaryServerInterceptor()), grpc.ChainStreamInterceptor(served.StreamServerInterceptor()))
		dial = append(dial,
			grpc.WithChainUnaryInterceptor(made.UnaryClientInterceptor()), grpc.WithChainStreamInterceptor(made.StreamClientInterceptor()))
	}
	rpc.Observe(server, dial)
	return stop, nil
}

func traces(ctx context.Context, o rpc.Shown) (*trace.TracerProvider, error) {
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(o.Traces), otlptracegrpc.WithInsecure())
	if err != nil {
		return nil, err
	}
	named := resource.NewSchemaless(attribute.String("service.name", "dyno "+o.Service))
	return trace.NewTracerProvider(trace.WithBatcher(exporter, trace.WithBatchTimeout(time.Second)), trace.WithResource(named)), nil
}

// serve serves /metrics, with those of the Go runtime and of the process.
func serve(ctx context.Context, listen string, ready func(string), more ...prometheus.Collector) (end func() error, err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(append(more, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))...)
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", listen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(lis) }()
	ready(lis.Addr().String())
	return func() error {
		err := srv.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}
