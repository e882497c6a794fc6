package record

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Yardsticks is what two bare exchanges between two processes cost, measured
// right before the trials of a block: the machine of that hour, against which
// a system's cost is a ratio. Every answer was compared with its request.
type Yardsticks struct {
	Values  map[string]float64 `json:"values"`  // by the names of YardstickMetrics
	Checked int64              `json:"checked"` // answers; each was its request's
}

// The yardsticks. Two processes, GOMAXPROCS=1 each, payload 16 bytes, loopback.
const (
	TCPRate       = "tcp_rps"
	TCPMedian     = "tcp_p50_us"
	TCPCPU        = "tcp_cpu_us"
	GRPCMedian    = "grpc_p50_us"
	GRPCRate      = "grpc_rps"
	GRPCCPU       = "grpc_cpu_us"
	GRPCClientCPU = "grpc_client_cpu_us"
	GRPCServerCPU = "grpc_server_cpu_us"
)

// YardstickMetrics declares what [Yardsticks] hold.
var YardstickMetrics = []Metric{
	{Name: TCPRate, Kind: KindScalar, Unit: "req/s", Better: Higher, Help: "raw TCP ping-pong, one after the other: round trips per second"},
	{Name: TCPMedian, Kind: KindScalar, Unit: "µs", Better: Lower, Help: "raw TCP ping-pong, one after the other: median round trip"},
	{Name: TCPCPU, Kind: KindScalar, Unit: "µs", Better: Lower, Help: "raw TCP ping-pong: CPU time of both processes per round trip"},
	{Name: GRPCMedian, Kind: KindScalar, Unit: "µs", Better: Lower, Help: "bare gRPC echo, one after the other: median response time"},
	{
		Name: GRPCRate, Kind: KindScalar, Unit: "req/s", Better: Higher,
		Help: "bare gRPC echo, 16 callers in a closed loop on one connection: requests per second",
	},
	{Name: GRPCCPU, Kind: KindScalar, Unit: "µs", Better: Lower, Help: "bare gRPC echo, 16 callers: CPU time of both processes per request"},
	{
		Name: GRPCClientCPU, Kind: KindScalar, Unit: "µs", Better: Lower,
		Help: "bare gRPC echo, 16 callers: CPU time of the client process per request",
	},
	{
		Name: GRPCServerCPU, Kind: KindScalar, Unit: "µs", Better: Lower,
		Help: "bare gRPC echo, 16 callers: CPU time of the server process per request",
	},
}

// Conform reports yardsticks that are not all there, or that nothing proves.
func (y *Yardsticks) Conform() error {
	for _, m := range YardstickMetrics {
		if v, ok := y.Values[m.Name]; !ok || v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("yardstick %s is %v: not a positive number", m.Name, v)
		}
	}
	if len(y.Values) != len(YardstickMetrics) {
		return fmt.Errorf("%d yardsticks, %d are declared", len(y.Values), len(YardstickMetrics))
	}
	if y.Checked < 1 {
		return fmt.Errorf("yardsticks: %d answers were checked", y.Checked)
	}
	return nil
}

// Yardstick finds a yardstick by name.
func Yardstick(name string) (Metric, bool) {
	for _, m := range YardstickMetrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Per splits "METRIC per YARDSTICK": the metric divided by a yardstick of its
// own block. ok is false for a metric that stands alone.
func Per(metric string) (base, yardstick string, ok bool) {
	base, yardstick, ok = strings.Cut(metric, " per ")
	if !ok {
		return metric, "", false
	}
	return base, yardstick, true
}

// Relate reports a metric that cannot be divided by a yardstick because they
// are not in one unit. A histogram is one of durations, whatever its unit.
func (y Metric) Relate(m Metric) error {
	if y.Unit == m.Unit || m.Kind == KindHistogram && y.Unit == "µs" {
		return nil
	}
	return fmt.Errorf("metric %s is in %s, yardstick %s in %s: a ratio needs one unit", m.Name, m.Unit, y.Name, y.Unit)
}

// Attach gives every trial the yardsticks that were measured last before it for
// its block; a run that measured none leaves them nil. It keeps the blocks that
// a trial stands in.
func (r *Run) Attach(trials []*Trial) {
	used := make(map[int]bool)
	for _, t := range trials {
		for i, b := range slices.Backward(r.Blocks) {
			if b.Block == t.Block && !b.Started.After(t.Started) {
				t.Yardsticks, used[i] = b.Yardsticks, true
				break
			}
		}
	}
	i := -1
	r.Blocks = slices.DeleteFunc(slices.Clone(r.Blocks), func(Noise) bool { i++; return !used[i] })
}
