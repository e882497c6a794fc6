package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
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
	d.Binary, d.QosClass, d.ThrottledNs = program(), qosClass("/"), throttled("/")
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

// program is the SHA-256 of the program that this process runs; empty: it cannot be
// read. The file under its name may be another one by now, the kernel's link is not.
var program = sync.OnceValue(func() string {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
})

// qosClass is the class of the pod that this process is in; empty: it is in none, or
// the node does not tell. Kubelets give each class an adjustment of its own.
func qosClass(root string) string {
	if os.Getenv("KUBERNETES_SERVICE_HOST") == "" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(root, "proc/self/oom_score_adj"))
	adjustment, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil || bad != nil:
		return ""
	case adjustment == -997:
		return "Guaranteed"
	case adjustment == 1000:
		return "BestEffort"
	case adjustment >= 2 && adjustment < 1000:
		return "Burstable"
	}
	return ""
}

// throttled is the processor time that a quota has denied to the control group of this
// process, which is the root where it is in a container.
func throttled(root string) int64 {
	for file, unit := range map[string]struct {
		key    string
		factor int64
	}{"cpu.stat": {"throttled_usec", 1000}, "cpu/cpu.stat": {"throttled_time", 1}} {
		text, err := os.ReadFile(filepath.Join(root, "sys/fs/cgroup", file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == unit.key {
				n, _ := strconv.ParseInt(f[1], 10, 64) // the kernel's
				return n * unit.factor
			}
		}
	}
	return 0
}
