package yardstick_test

import (
	"testing"
	"time"

	"dyno/bench/yardstick"
	"dyno/internal/role"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(yardstick.System)) }

// The yardsticks come from two real processes, complete and checked, and what
// is together is the sum of its parts.
func TestMeasure(t *testing.T) {
	y, err := yardstick.Measure(t.Context(), t.ArtifactDir(), 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := y.Conform(); err != nil {
		t.Error(err)
	}
	if sum := y.Values["grpc_client_cpu_us"] + y.Values["grpc_server_cpu_us"]; sum < 0.999*y.Values["grpc_cpu_us"] || sum > 1.001*y.Values["grpc_cpu_us"] {
		t.Errorf("client and server use %v µs, together %v", sum, y.Values["grpc_cpu_us"])
	}
}
