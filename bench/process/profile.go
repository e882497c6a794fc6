package process

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profileVar names, without ending, the files that a process is to write its
// profiles to.
const profileVar = "DYNO_PROFILE"

// profileEnv is the environment entry that makes a process profile itself.
func profileEnv(dir, name string) string { return profileVar + "=" + filepath.Join(dir, name) }

// Profile starts a CPU profile if the group that started this process asked
// for one (Options.Profile), and returns what ends it and writes a heap
// profile beside it: NAME.cpu.pprof and NAME.heap.pprof. A process that is
// killed leaves no usable profile.
func Profile() (stop func() error, err error) {
	base := os.Getenv(profileVar)
	if base == "" {
		return func() error { return nil }, nil
	}
	cpu, err := os.Create(base + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return errors.Join(cpu.Close(), writeHeap(base+".heap.pprof"))
	}, nil
}

func writeHeap(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	runtime.GC() // what is live now, not what was at the last collection
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
