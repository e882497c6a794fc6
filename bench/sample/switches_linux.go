package sample

import (
	"fmt"
	"math"
	"os"
	"strconv"
)

// switchCounter counts the context switches of all threads of a process. The
// kernel keeps them by thread, and what it says of the process is those of its
// main thread only. Threads that have ended keep their last count.
func switchCounter(pid int) func() float64 {
	last := make(map[string]float64)
	return func() float64 {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return math.NaN()
		}
		for _, t := range tasks {
			id, err := strconv.ParseInt(t.Name(), 10, 32)
			if err != nil {
				continue
			}
			if n, err := ofOne(int32(id)); err == nil { // else it has just ended
				last[t.Name()] = n
			}
		}
		sum := 0.0
		for _, n := range last {
			sum += n
		}
		return sum
	}
}
