package trial

import (
	"context"
	"errors"
	"sync"
	"time"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/cluster"
	"dyno/systems/mapreduce/config"
)

// affliction strikes the first worker of a job.
type affliction struct {
	kind    string
	cluster *cluster.Cluster
	struck  bool
	at      int64 // when; nanoseconds since 1970
	err     error

	cancel context.CancelFunc
	slow   sync.WaitGroup
}

// A slow worker gets one slice of time in ten: short against every lease, so
// that it is slow and not silent.
const (
	slowSlice = 2 * time.Millisecond
	slowShare = 10
)

func newFault(kind string, c *cluster.Cluster) *affliction {
	ctx, cancel := context.WithCancel(context.Background())
	f := &affliction{kind: kind, cluster: c, cancel: cancel}
	if kind == config.FaultSlow {
		f.struck, f.at = true, time.Now().UnixNano()
		f.slow.Go(func() { f.brake(ctx) })
	}
	return f
}

// follow strikes once half of the map tasks are done.
func (f *affliction) follow(s *mapreducev1.Status) {
	if f.struck || s.GetMapsDone() < (s.GetMaps()+1)/2 {
		return
	}
	p := f.cluster.Procs[0]
	f.at = time.Now().UnixNano()
	switch f.kind {
	case config.FaultKill:
		f.struck, f.err = true, p.Kill()
	case config.FaultPause:
		f.struck, f.err = true, p.Pause()
	}
}

// strokes are what struck, for a story.
func (f *affliction) strokes() []stroke {
	words := map[string]string{config.FaultKill: "killed", config.FaultPause: "stands still", config.FaultSlow: "slowed down"}
	if !f.struck {
		return nil
	}
	return []stroke{{worker: "w1", kind: words[f.kind], at: f.at}}
}

// brake stops the worker for most of the time, until the context ends.
func (f *affliction) brake(ctx context.Context) {
	p := f.cluster.Procs[0]
	tick := time.NewTicker(slowSlice)
	defer tick.Stop()
	for n := 0; ; n++ {
		var err error
		switch n % slowShare {
		case 0:
			err = p.Resume()
		case 1:
			err = p.Pause()
		}
		if err != nil {
			return // it has ended, since the job is over
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = p.Resume() // it may have ended
			return
		}
	}
}

// end stops what goes on and tells whether the fault struck as it was to.
func (f *affliction) end() error {
	f.cancel()
	f.slow.Wait()
	if f.err != nil {
		return f.err
	}
	if f.kind != config.FaultNone && !f.struck {
		return errors.New("the job was over before the fault could strike: more or larger map tasks are needed")
	}
	return nil
}
