package process

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryLimit is how many bytes of memory the control groups that this process is
// in allow, its own and those above; math.MaxUint64: as many as there are.
func MemoryLimit() uint64 { return memoryLimit("/") }

func memoryLimit(root string) uint64 {
	limit := uint64(math.MaxUint64)
	dir, top, _, err := ownGroupFolder(root, "memory")
	if err != nil {
		return limit
	}
	for ; strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
		for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
			text, _ := os.ReadFile(filepath.Join(dir, name)) // a root has none
			if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				limit = min(limit, n) // else it is "max"
			}
		}
	}
	return limit
}
