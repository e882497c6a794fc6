package task

import (
	"strings"
	"testing"

	"dyno/systems/mapreduce/core/job"
)

// A key is found by all of its bytes: where hashes collide, nothing else decides.
func TestIs(t *testing.T) {
	for size := 1; size <= 40; size++ {
		key := []byte(strings.Repeat("k", size))
		table := table{budget: 1 << 20, reduces: 1, program: job.Program{Combine: func(a, b uint64) uint64 { return a + b }}}
		table.add(job.Batch{Keys: [][]byte{key}, Numbers: []uint64{1}})
		e := &table.entries[0]
		if _, head := hashKey(key); !table.is(e, key, head) {
			t.Errorf("%q is not itself", key)
		}
		for i := range key {
			other := []byte(string(key[:i]) + "x" + string(key[i+1:]))
			if _, head := hashKey(other); table.is(e, other, head) {
				t.Errorf("%q is %q", key, other)
			}
		}
		longer := append(key, 0)
		if _, head := hashKey(longer); table.is(e, longer, head) {
			t.Errorf("%q is %q", key, longer)
		}
	}
}
