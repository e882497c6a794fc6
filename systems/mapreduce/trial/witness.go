package trial

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"dyno/systems"
	"dyno/systems/mapreduce/ledger"
)

// witness is what the process that waits for a job sees of it, by its own clock
// and from outside the processes that do it. Moments are nanoseconds since 1970.
type witness struct {
	began int64 // before the first process was started
	over  int64 // the news that the job is over has come
	gone  int64 // all processes have ended

	published int64 // the file system's stamp of the output folder: the last output has got its name
	ledgers   [][]byte
	told      []byte   // the master's, where another program stands in for the workers
	struck    []stroke // what befell workers

	mu   sync.Mutex
	peak int64 // most resident memory of one process, in bytes
}

// stroke is a fault that struck.
type stroke struct {
	worker, kind string
	at           int64
}

// lookPause is the time between two looks at the processes' memory.
const lookPause = 20 * time.Millisecond

// look notes how much memory processes have held so far.
func (w *witness) look(pids []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pid := range pids {
		w.peak = max(w.peak, ledger.PeakRSS(strconv.Itoa(pid)))
	}
}

// watchMemory looks at processes and their children until the context ends.
func (w *witness) watchMemory(ctx context.Context, processes func() []systems.Process) {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for {
		var pids []int
		for _, p := range processes() {
			pids = append(append(pids, p.PID()), children(p.PID())...)
		}
		w.look(pids)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// children are the processes that a process has started; none where nobody
// tells.
func children(pid int) (pids []int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children") // by the thread that started them; the pattern is well formed
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have ended
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
