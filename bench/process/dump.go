package process

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
)

// Dump makes every process that still runs write the stacks of its goroutines
// to its log and end (SIGQUIT, which the Go runtime answers so). It is for
// trials that hang. It returns when they are gone, or after the grace; Close
// ends what is left.
func (g *Group) Dump() error {
	g.mu.Lock()
	children := append([]*child(nil), g.children...)
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), g.opts.Grace)
	defer cancel()
	errs := make([]error, len(children))
	var running sync.WaitGroup
	for i, c := range children {
		if done, _ := c.ask(); done {
			continue
		}
		for _, s := range []syscall.Signal{syscall.SIGCONT, syscall.SIGQUIT} {
			if err := c.signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				errs[i] = err
			}
		}
		running.Go(func() { _ = c.awaitEnd(ctx) })
	}
	running.Wait()
	return errors.Join(errs...)
}
