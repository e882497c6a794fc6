package agent

import (
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/mem"

	agentv1 "dyno/proto/agent/v1"
)

const describeTimeout = 5 * time.Second

// describe says what this machine is. What cannot be read stays empty.
func describe(ctx context.Context) *agentv1.DescribeResponse {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	d := &agentv1.DescribeResponse{Cores: int32(runtime.NumCPU())}
	d.Hostname, _ = os.Hostname()
	if h, err := host.InfoWithContext(ctx); err == nil {
		d.Kernel, d.Os = h.KernelVersion, strings.TrimSpace(h.Platform+" "+h.PlatformVersion)
	}
	if c, err := cpu.InfoWithContext(ctx); err == nil && len(c) > 0 {
		d.Cpu = strings.TrimSpace(c[0].ModelName)
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		d.MemoryBytes = m.Total
	}
	return d
}
