package server

import (
	"context"
	"time"
)

// A server begins nothing new while less than diskReserve is free: what is under
// way must be able to end, and a journal that meets a full disk ends the server.
const (
	diskReserve = 64 << 20
	diskEvery   = time.Second
)

// watchDisk tells when the disk gets low, and when it does not any more.
func watchDisk(ctx context.Context, dir string, tell func(low bool)) {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for low := false; ; {
		if n, err := free(dir); err == nil && (n < diskReserve) != low {
			low = !low
			tell(low)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
