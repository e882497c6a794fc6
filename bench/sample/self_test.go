package sample_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"dyno/bench/sample"
)

// burn uses CPU time of this process, for so long as rusage counts it.
func burn(seconds float64) {
	for begin := used(); used()-begin < seconds; {
		for range 1_000_000 {
		}
	}
}

// used is the CPU time of this process in seconds, from another source than
// the sampler's.
func used() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func TestThisProcess(t *testing.T) {
	me := sample.Target{Name: "me", PID: os.Getpid()}
	sleeper := exec.CommandContext(t.Context(), "sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	s, err := sample.Start(t.Context(), []sample.Target{me, {Name: "sleeper", PID: sleeper.Process.Pid}}, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	begin, before := time.Now(), used()
	burn(0.5)
	if err := sleeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sleeper.Wait() // killed, as we know
	burn(0.1)
	after, end := used(), time.Now()
	samples := s.Stop()

	u := samples.Window("me", begin, end)
	const slack = 0.06 // ticks of 10 ms at both ends, for user and system, and the sampler's own
	if want := after - before; u.CPUSeconds < want-slack || u.CPUSeconds > want+slack {
		t.Errorf("%.3f CPU seconds, by rusage %.3f", u.CPUSeconds, want)
	}
	if u.Ended || u.Covered < 0.999 || u.MaxRSSBytes < 1<<20 {
		t.Errorf("%+v", u)
	}
	idle := samples.Window("sleeper", begin, end)
	if !idle.Ended || idle.Cores > 0.1 {
		t.Errorf("the process that slept and was killed: %+v", idle)
	}
	sum := 0.0
	const step = 50 * time.Millisecond
	series := samples.SeriesCores("me", begin, end, step)
	for _, cores := range series.Values {
		sum += cores * step.Seconds()
	}
	if whole := samples.Window("me", begin, begin.Add(time.Duration(len(series.Values))*step)); sum < whole.CPUSeconds-1e-6 || sum > whole.CPUSeconds+1e-6 {
		t.Errorf("the steps sum up to %.3f CPU seconds, the window has %.3f", sum, whole.CPUSeconds)
	}
}
