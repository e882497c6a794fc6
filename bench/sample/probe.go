package sample

import (
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/shirou/gopsutil/v3/process"
)

// cacheBootTime keeps gopsutil from reading /proc/stat for every sample, for a
// creation time that nobody asks for.
var cacheBootTime = sync.OnceFunc(func() { process.EnableBootTimeCache(true) })

// newProbe reads a process through gopsutil. CPU, memory and threads must be
// there; what else this machine does not tell is NaN.
func newProbe(pid int) probe {
	cacheBootTime()
	p := &process.Process{Pid: int32(pid)}
	countSwitches := switchCounter(pid)
	return func(slow bool) (reading, error) {
		var r reading
		times, err := p.Times()
		if err != nil {
			return r, err
		}
		memory, err := p.MemoryInfo()
		if err != nil {
			return r, err
		}
		n, err := p.NumThreads()
		if err != nil {
			return r, err
		}
		r[cpu], r[rss], r[threads] = times.User+times.System, float64(memory.RSS), float64(n)
		r[switches], r[readBytes], r[writeBytes] = math.NaN(), math.NaN(), math.NaN()
		if slow {
			r[switches] = countSwitches()
		}
		if io, err := p.IOCounters(); err == nil {
			r[readBytes], r[writeBytes] = float64(io.ReadBytes), float64(io.WriteBytes)
		}
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

// ofOne is the number of context switches of a process or thread as the
// kernel counts them for its id.
func ofOne(id int32) (float64, error) {
	p := &process.Process{Pid: id}
	n, err := p.NumCtxSwitches()
	if err != nil {
		return 0, err
	}
	return float64(n.Voluntary + n.Involuntary), nil
}
