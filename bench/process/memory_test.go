package process

import (
	"math"
	"strings"
	"testing"
)

// The least limit counts, whichever group has it.
func TestMemoryLimit(t *testing.T) {
	const mounts, own = "proc/self/mountinfo", "proc/self/cgroup"
	memoryV1 := strings.ReplaceAll(mountV1, "cpu,cpuacct", "memory")
	for name, c := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"version 1": {map[string]string{
			mounts: mountV2 + memoryV1, own: "0::/x\n4:memory:/a/b\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4096\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 4096},
		"version 2": {map[string]string{
			mounts: mountV2, own: "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "8192\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
		}, 8192},
		"own is less": {map[string]string{
			mounts: mountV2, own: "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "8192\n", "sys/fs/cgroup/a/b/memory.max": "100\n",
		}, 100},
		"a container": {map[string]string{mounts: inside, own: "0::/docker/abc\n", "sys/fs/cgroup/memory.max": "300\n"}, 300},
		"no limit":    {map[string]string{mounts: mountV2, own: "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, math.MaxUint64},
		"no groups":   {nil, math.MaxUint64},
	} {
		t.Run(name, func(t *testing.T) {
			if got := memoryLimit(machine(t, c.files)); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}
