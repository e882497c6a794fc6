package sample

import (
	"errors"
	"slices"
	"sync"

	"github.com/shirou/gopsutil/v3/process"
)

// cacheBootTime keeps gopsutil from reading /proc/stat for every sample, for a
// creation time that nobody asks for.
var cacheBootTime = sync.OnceFunc(func() { process.EnableBootTimeCache(true) })

// newProbe reads a process through gopsutil.
func newProbe(pid int) probe {
	cacheBootTime()
	p := &process.Process{Pid: int32(pid)}
	return func() (r reading, err error) {
		times, err := p.Times()
		if err != nil {
			return r, err
		}
		memory, err := p.MemoryInfo()
		if err != nil {
			return r, err
		}
		r[cpu], r[rss] = times.User+times.System, float64(memory.RSS)
		return r, nil
	}
}

// errEnded says that a process is over, though its parent has not asked how it
// ended: until then the kernel lists it, and gopsutil says that it is running.
var errEnded = errors.New("it has ended, and its parent has not taken note of that")

// alive refuses such a process.
func alive(pid int) error {
	states, err := (&process.Process{Pid: int32(pid)}).Status()
	if err == nil && slices.Contains(states, process.Zombie) {
		return errEnded
	}
	return nil // whether it can be read, its first sample says
}
