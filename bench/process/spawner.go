package process

import (
	"os/exec"
	"runtime"
)

// spawner starts processes from one thread that lives as long as it does. The
// kernel ties PR_SET_PDEATHSIG to the thread that forked, not to the process:
// started from any goroutine, a child would be killed when the runtime happens
// to retire the thread below.
type spawner struct {
	requests chan func()
	done     chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range s.requests {
			f()
		}
	}()
	return s
}

// start is cmd.Start on the spawner's thread.
func (s *spawner) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	s.requests <- func() { result <- cmd.Start() }
	return <-result
}

// close releases the thread. No start may follow or be under way.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}
