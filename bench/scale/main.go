// Command scale measures what each further machine and each further trial costs the
// runner, and prints from that what a run on up to 1,000 machines and with up to
// 100,000 trials costs: the tables of docs/scale.md.
//
//	go run ./bench/scale              from the repository's root, about half a minute
//
// Costs are processor time, which a busy machine changes less than it does time. The
// agents run in the same process, so that a machine costs the runner less than it says.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// constants are what is measured; processor time unless the name says else.
type constants struct {
	connect   time.Duration // of a machine: TLS, what it is, its clock
	heartbeat time.Duration // of one second of a machine
	memory    float64       // bytes of a connected machine, both sides together
	exchange  time.Duration // wall time of a pair's round trips on loopback, as agents measure it
	line      float64       // bytes of a trial in a journal
	read      time.Duration // of a trial in a journal, checked against its seal's form
	merge     time.Duration // of one latency histogram into another
}

func main() {
	machines := flag.Int("machines", 50, "agents to connect to")
	length := flag.Duration("length", 10*time.Second, "how long to watch heartbeats")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, err := measure(ctx, *machines, *length)
	if err != nil {
		stop()
		log.Fatal(err)
	}
	fmt.Printf("Measured with %d agents on loopback, %v, %d cores, load %s.\n\n", *machines, runtime.Version(), runtime.NumCPU(), load())
	c.print(os.Stdout)
}

func measure(ctx context.Context, machines int, length time.Duration) (c constants, err error) {
	if err := c.ofMachines(ctx, machines, length); err != nil {
		return c, err
	}
	return c, c.ofTrials()
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what is in use after a collection, goroutines' stacks included.
func heap() float64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	var one string
	_, _ = fmt.Sscan(string(text), &one) // empty is unknown enough
	return one
}
