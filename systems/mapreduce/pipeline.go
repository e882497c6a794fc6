package mapreduce

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// pipeline runs commands, each reading what the one before writes, and returns
// the most memory that one of them held. The first reads from this process,
// not from the file: if this process is killed, the input ends, and so do all.
func pipeline(ctx context.Context, stages [][]string, in io.Reader, out io.Writer) (peakBytes int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var cmds []*exec.Cmd
	var held []io.Closer // ends of pipes that the commands have too
	in = struct{ io.Reader }{in}
	for i, s := range stages {
		c := exec.CommandContext(ctx, s[0], s[1:]...)
		c.Env = append(os.Environ(), "LC_ALL=C")
		c.Stdin, c.Stdout, c.Stderr = in, out, os.Stderr
		if i+1 < len(stages) {
			r, w, pipeErr := os.Pipe()
			if err = pipeErr; err != nil {
				break
			}
			held = append(held, r, w)
			c.Stdout, in = w, r
		}
		if err = c.Start(); err != nil {
			break
		}
		cmds = append(cmds, c)
	}
	if err != nil {
		cancel()
	}
	for _, h := range held { // until then nobody sees the end
		err = errors.Join(err, h.Close())
	}
	for _, c := range cmds {
		err = errors.Join(err, c.Wait())
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peakBytes = max(peakBytes, u.Maxrss<<10)
		}
	}
	return peakBytes, err
}
