package task_test

import (
	"syscall"
	"testing"
)

// reportCPU reports the CPU time of a benchmark: on a machine that others use
// it says more than the clock.
func reportCPU(b *testing.B, bytes int64) func() {
	cpu := func() int64 {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
		return u.Utime.Nano() + u.Stime.Nano()
	}
	begin := cpu()
	return func() {
		b.ReportMetric(float64(bytes)*float64(b.N)/(float64(cpu()-begin)/1e9)/1e6, "MB/cpu-s")
	}
}
