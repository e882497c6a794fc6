package target_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"dyno/bench/process"
	"dyno/internal/cli"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/all/whole"
	"dyno/systems/systemtest"
	"dyno/systems/target"
)

func TestMain(m *testing.M) {
	whole.Link() // for what is called in this very process
	systemtest.Main(m, cli.Main)
}

// somebody is a service that dyno knows nothing of: every nth answer is wrong,
// or refused, and it may want metadata.
type somebody struct {
	grpc_health_v1.UnimplementedHealthServer
	wrong, refuse int64
	key           string
	n             chan int64
}

func (s *somebody) Check(ctx context.Context, req *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	n := <-s.n
	s.n <- n + 1
	if md, _ := metadata.FromIncomingContext(ctx); s.key != "" && !slices.Equal(md.Get("key"), []string{s.key}) {
		return nil, status.Error(codes.Unauthenticated, "no key")
	}
	if s.refuse > 0 && n%s.refuse == 0 {
		return nil, status.Error(codes.Aborted, "not now")
	}
	if s.wrong > 0 && n%s.wrong == 0 || req.GetService() == "down" {
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}, nil
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

// serve returns the address of a service that ends with the test.
func serve(t *testing.T, s *somebody, described bool) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.n = make(chan int64, 1)
	s.n <- 1
	srv := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, s)
	if described {
		reflection.Register(srv)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return lis.Addr().String()
}

const serving = `{"status": "SERVING"}`

func TestConforms(t *testing.T) {
	systemtest.Conform(t, target.System, systemtest.Options{
		Funcs:  template.FuncMap{},
		Values: map[string]string{"address": serve(t, new(somebody), true), "expect": serving},
	})
}

// measure runs a trial with real processes.
func measure(t *testing.T, l record.Load, values map[string]string) (record.Observation, error) {
	t.Helper()
	v, err := target.System.Resolve(values)
	if err != nil {
		return record.Observation{}, err
	}
	set := systems.Setting{Seed: 3, Load: l, Warmup: 50 * time.Millisecond, Length: 200 * time.Millisecond}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: target.System, Setting: set, Dir: t.ArtifactDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := target.System.Trial(ctx, g, v)
	if err = errors.Join(err, g.Close()); err == nil {
		err = o.Conform(target.System.Metrics)
	}
	o.HoldFailures(record.DefaultMaxFailures) // as the engine does
	return o, err
}

func hasFlag(o record.Observation, name string) bool {
	return slices.ContainsFunc(o.Flags, func(f record.Flag) bool { return f.Name == name })
}

// unproven says that a trial came to no verdict, as it may on a busy machine.
func unproven(t *testing.T, err error, o record.Observation) bool {
	t.Helper()
	if err != nil || o.Verdict.Status != record.Undetermined {
		return false
	}
	t.Logf("nothing was proved: %v", o.Verdict.Reasons())
	return true
}

var swept = record.Load{Loop: "swept"}

func TestDrivers(t *testing.T) {
	addr := serve(t, new(somebody), true)
	for _, driver := range []string{"closed", "open", "ghz", "ghz-async"} {
		o, err := measure(t, swept, map[string]string{"address": addr, "driver": driver, "rate": "200", "expect": serving, "pid": strconv.Itoa(os.Getpid())})
		if unproven(t, err, o) {
			continue
		}
		if err != nil || o.Verdict.Status != record.Valid || o.Counts.OK == 0 || o.Histograms["response"].Count() == 0 {
			t.Errorf("%s: %v, %s %v, %+v", driver, err, o.Verdict.Status, o.Verdict.Reasons(), o.Counts)
		}
		if ghz := strings.HasPrefix(driver, "ghz"); hasFlag(o, record.Unchecked) != ghz {
			t.Errorf("%s: flags %v", driver, o.Flags)
		}
		if _, ok := o.Scalars["service_cores"]; !ok {
			t.Errorf("%s: no CPU time of the service in %v", driver, o.Scalars)
		}
	}
	l := record.Load{Loop: "search", P99Below: 5, From: 1000, To: 1050, Precision: 0.1, Probes: 3}
	o, err := measure(t, l, map[string]string{"address": addr, "driver": "search", "expect": serving})
	if unproven(t, err, o) {
		return
	}
	if err != nil || o.Verdict.Status != record.Valid || o.Scalars["knee_low_rps"] == 0 && o.Scalars["probes"] == 0 {
		t.Errorf("search: %v, %v, %v", err, o.Verdict.Reasons(), o.Scalars)
	}
}

// What is wrong with a service shows in the verdict, or in a flag.
func TestFaultyServices(t *testing.T) {
	for name, c := range map[string]struct {
		service somebody
		values  map[string]string
		want    record.Status
		reason  string
		flag    string
	}{
		"right":              {somebody{}, map[string]string{"expect": serving}, record.Valid, "", ""},
		"right, with a key":  {somebody{key: "abc"}, map[string]string{"expect": serving, "metadata": `{"key": "abc"}`}, record.Valid, "", ""},
		"nobody looks":       {somebody{wrong: 2}, nil, record.Valid, "", "unchecked"},
		"every answer wrong": {somebody{}, map[string]string{"expect": serving, "data": `{"service": "down"}`}, record.Invalid, "status is 2, want 1", ""},
		"one in 50 wrong":    {somebody{wrong: 50}, map[string]string{"expect": serving}, record.Invalid, "answers are wrong", ""},
		"the key is missing": {somebody{key: "abc"}, map[string]string{"expect": serving}, record.Invalid, "not one of", ""},
	} {
		t.Run(name, func(t *testing.T) {
			values := map[string]string{"address": serve(t, &c.service, true)}
			maps.Copy(values, c.values)
			o, err := measure(t, swept, values)
			if c.want == record.Valid && unproven(t, err, o) {
				return
			}
			if err != nil || o.Verdict.Status != c.want || !strings.Contains(strings.Join(o.Verdict.Reasons(), "; "), c.reason) {
				t.Errorf("%v; %s %v, want %s: %s", err, o.Verdict.Status, o.Verdict.Reasons(), c.want, c.reason)
			}
			if hasFlag(o, record.Unchecked) != (c.flag == record.Unchecked) || c.flag != "" && !hasFlag(o, c.flag) {
				t.Errorf("flags %v, want %q", o.Flags, c.flag)
			}
		})
	}
}

// Refusals are judged alike, whoever drives: beyond the share that is allowed
// there is no figure, and the first of them is told.
func TestOneRuleForAllDrivers(t *testing.T) {
	for _, driver := range []string{"closed", "open", "ghz", "ghz-async"} {
		o, err := measure(t, swept, map[string]string{"address": serve(t, &somebody{refuse: 10}, true), "driver": driver, "rate": "400"})
		reasons := strings.Join(o.Verdict.Reasons(), "; ")
		if err != nil || o.Verdict.Status != record.Invalid || !strings.Contains(reasons, "failures is invalid: 0.1 % allowed") || !strings.Contains(reasons, "not now") {
			t.Errorf("%s: %v, %s: %s", driver, err, o.Verdict.Status, reasons)
		}
		o.Verdict = record.Judge(record.Pass("others", 1))
		if o.HoldFailures(0.2); o.Verdict.Status != record.Valid || !hasFlag(o, "errors") {
			t.Errorf("%s: where a fifth may fail: %v, flags %v", driver, o.Verdict.Reasons(), o.Flags)
		}
	}
}

const shop = `syntax = "proto3";
package shop.v1;
import "money.proto";
message PriceRequest { int32 item = 1; }
service Shop { rpc Price(PriceRequest) returns (Money); rpc Watch(PriceRequest) returns (stream Money); }
`

const money = `syntax = "proto3";
package shop.v1;
message Money { int64 cents = 1; }
`

// A mistake is told before anything is measured, with what to do about it.
func TestMistakes(t *testing.T) {
	described, silent := serve(t, new(somebody), true), serve(t, new(somebody), false)
	dir := t.TempDir()
	for name, text := range map[string]string{"shop.proto": shop, "money.proto": money} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, values := range map[string]map[string]string{
		"nothing answers at 127.0.0.1:1 (start your service first)": {"address": "127.0.0.1:1"},
		"give HOST:PORT, unix:PATH or SCHEME:///NAME":               {"address": "localhost"},
		"is not package.Service/Method":                             {"method": "Check"},
		"is not JSON":                                               {"data": "[1"},
		`"grpc.health.v1.Helth" is not one of`:                      {"method": "grpc.health.v1.Helth/Check"},
		`"Chekc" is not one of Check`:                               {"method": "grpc.health.v1.Health/Chekc"},
		"is not a grpc.health.v1.HealthCheckRequest":                {"data": `{"servce": ""}`},
		"is not a grpc.health.v1.HealthCheckResponse":               {"expect": `{"status": "FINE"}`},
		"names no field":                                            {"expect": "{}"},
		"want an object of strings":                                 {"metadata": `{"a": 1}`},
		"it needs the gRPC reflection service":                      {"address": silent},
		"--proto":                                                   {"proto": "nowhere.proto"},
		`"grpc.health.v1.Health" is not one of shop.v1`:             {"proto": "shop.proto", "import-paths": dir},
		`"Prices" is not one of Price, Watch`:                       {"proto": "shop.proto", "import-paths": dir, "method": "shop.v1.Shop/Prices"},
		"is not a shop.v1.Money":                                    {"proto": "shop.proto", "import-paths": dir, "method": "shop.v1.Shop/Price", "expect": `{"euro": 1}`},
		`load "open" with driver closed`:                            {},
	} {
		l := swept
		if len(values) == 0 {
			l.Loop = "open"
		}
		if values["address"] == "" {
			values["address"] = described
		}
		if _, err := measure(t, l, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", values, err, want)
		}
	}
}

// A server that does not describe itself is called by its .proto file, by our
// loops and by ghz.
func TestProtoFile(t *testing.T) {
	addr, dir := serve(t, new(somebody), false), t.TempDir()
	text := `syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1; } ServingStatus status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
`
	if err := os.WriteFile(filepath.Join(dir, "health.proto"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, driver := range []string{"closed", "ghz"} {
		o, err := measure(t, swept, map[string]string{"address": addr, "driver": driver, "proto": "health.proto", "import-paths": dir, "expect": serving})
		if !unproven(t, err, o) && (err != nil || o.Verdict.Status != record.Valid) {
			t.Errorf("%s: %v, %v", driver, err, o.Verdict.Reasons())
		}
	}
}
