package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
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

// throttled is the processor time that quotas have denied to the control group of this
// process and to those around it, as far as they are seen: each may have a quota of its
// own. In a container its group is the root.
func throttled(root string) (sum int64) {
	own, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(own)) { // 4:cpu,cpuacct:/path, and of version 2 0::/path
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) < 3 {
			continue
		}
		homes, key, unit := []string{"", "unified"}, "throttled_usec", int64(time.Microsecond)
		if f[1] != "" {
			homes, key, unit = []string{f[1]}, "throttled_time", 1
		}
		if f[1] != "" && !slices.Contains(strings.Split(f[1], ","), "cpu") {
			continue
		}
		for group := path.Clean("/" + f[2]); ; group = path.Dir(group) {
			for _, home := range homes {
				sum += unit * counter(filepath.Join(root, "sys/fs/cgroup", home, group, "cpu.stat"), key)
			}
			if group == "/" {
				break
			}
		}
	}
	return sum
}

// counter is a number of a file of the kernel's, by its key; 0: it is not there.
func counter(file, key string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64) // the kernel's
			return n
		}
	}
	return 0
}
