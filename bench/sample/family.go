package sample

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lookEvery says how many readings of a family's clocks go without a look for
// new members.
const lookEvery = 10

// family is the clock of a process and those that it started itself. What an
// ended one had used stays in the sum, which so never shrinks.
func family(pid int, clocks func(pid int) clock) clock {
	own := clocks(pid)
	members, used := make(map[int]clock), make(map[int]float64)
	readings, gone := 0, 0.0
	return func() (float64, bool) {
		sum, ok := own()
		if readings%lookEvery == 0 {
			for _, child := range Children(pid) {
				if members[child] == nil {
					members[child] = clocks(child)
				}
			}
		}
		readings++
		for child, read := range members {
			if s, there := read(); there {
				used[child] = s
			} else {
				gone += used[child] // its number may become another's
				delete(members, child)
				delete(used, child)
			}
		}
		sum += gone
		for _, s := range used {
			sum += s
		}
		return sum, ok
	}
}

// Children are the processes that a process started, as Linux lists them by the
// threads that did; none where the system does not tell.
func Children(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, name := range lists {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for f := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(f); err == nil {
				out = append(out, child)
			}
		}
	}
	return out
}
