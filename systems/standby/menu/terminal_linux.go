package menu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pollMillis is how often an interrupt is looked for while a key is awaited.
const pollMillis = 100

// KeyOf is what [Screen].Key does on a terminal; nil when in or out is none.
func KeyOf(in io.Reader, out io.Writer) func(context.Context) error {
	i, okIn := in.(*os.File)
	o, okOut := out.(*os.File)
	if !okIn || !okOut {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(o.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(i.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	return func(ctx context.Context) error { return awaitKey(ctx, int(i.Fd())) }
}

// awaitKey waits for a key to be pressed, which is not shown and needs no Enter.
func awaitKey(ctx context.Context, fd int) (err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	raw := *before
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer func() { err = errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before)) }()
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, pollMillis)
		if errors.Is(err, unix.EINTR) || err == nil && n == 0 {
			continue
		}
		if err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
		var key [16]byte // arrows and the like are more than one byte
		n, err = unix.Read(fd, key[:])
		if n == 0 && err == nil {
			return io.EOF
		}
		return err
	}
	return ctx.Err()
}
