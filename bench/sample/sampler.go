package sample

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// DefaultInterval is the time between two samples of a process.
	DefaultInterval = 100 * time.Millisecond
	// MinInterval is the kernel's CPU tick; nothing new is to be seen sooner.
	MinInterval = 10 * time.Millisecond

	// cpuEvery is how many times the CPU clocks are read per sample, where this
	// system has any: that costs next to nothing, and says how much of a figure
	// lies between two readings.
	cpuEvery = 20
	minClock = 5 * time.Millisecond
	few      = 8 // of more targets the clocks are read half as often
	// maxPoints bounds the memory: at the default interval it lasts for 40 s,
	// then every second point is dropped and the interval doubles.
	maxPoints  = 8192
	maxTargets = 256
)

// Target is a process to be watched.
type Target struct {
	Name string // by which Samples are asked; unique
	PID  int

	// Current tells the id of the process as of now, of one that may be started
	// again: what its lives used is added up, and between them it is idle. Nil:
	// it is PID for ever.
	Current func() int

	// Group is a control group in place of a process: its folder, its path below
	// /sys/fs/cgroup, or the id of a container. Memory is what it is charged for,
	// the page cache included.
	Group string

	// Spawns says that the processes which it starts itself count as its own, by
	// their CPU clocks (Linux only; memory is that of itself alone).
	// What one used after the last reading before its end is lost.
	Spawns bool

	group   *controlGroup // that Group names
	machine Machine       // that it is on; nil: this one
}

// Sampler reads the targets at intervals until it is stopped.
type Sampler struct {
	began     time.Time
	histories []*history
	far       []*far // on other machines
	interval  time.Duration
	points    int // bound of a track
	cancel    context.CancelFunc
	done      chan struct{}
	stop      func() *Samples
}

// Start takes the first sample of every target and goes on every interval (0:
// DefaultInterval) until Stop or the end of the context. A target that is not
// there is an error, as is a name given twice.
func Start(ctx context.Context, targets []Target, interval time.Duration) (*Sampler, error) {
	targets, there := apart(targets)
	for i, t := range targets {
		if t.Group != "" {
			g, err := findGroup(groupRoot, t.Group)
			if err != nil {
				return nil, fmt.Errorf("cannot sample %s: %w", t.Name, err)
			}
			targets[i].group = g
		} else if err := alive(t.PID); err != nil {
			return nil, fmt.Errorf("cannot sample %s (pid %d): %w", t.Name, t.PID, err)
		}
	}
	s, err := begin(ctx, targets, interval, maxPoints, newProbe, clockOf)
	if err != nil {
		return nil, err
	}
	for machine, f := range there {
		if f.stop, err = machine.Sample(ctx, f.names, f.spawning, interval); err != nil {
			s.Stop()
			return nil, fmt.Errorf("cannot sample %v: %w", f.names, err)
		}
		s.far = append(s.far, f)
	}
	return s, nil
}

func begin(ctx context.Context, targets []Target, interval time.Duration, points int, open source, clock func(pid int) clock) (*Sampler,
	error,
) {
	if interval == 0 {
		interval = DefaultInterval
	}
	if interval < MinInterval {
		return nil, fmt.Errorf("sample interval %v is below %v, the tick of the CPU clock", interval, MinInterval)
	}
	if len(targets) > maxTargets {
		return nil, fmt.Errorf("%d processes to sample; %d are possible", len(targets), maxTargets)
	}
	s := &Sampler{began: time.Now(), interval: interval, points: points, done: make(chan struct{})}
	names := make(map[string]bool)
	for _, t := range targets {
		if names[t.Name] {
			return nil, fmt.Errorf("two processes to sample are called %q", t.Name)
		}
		names[t.Name] = true
		s.histories = append(s.histories, newHistory(t, open, clock))
	}
	s.round()
	for i, h := range s.histories {
		if h.ended {
			return nil, fmt.Errorf("cannot sample %s (pid %d): %w", h.name, targets[i].PID, h.err)
		}
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.stop = sync.OnceValue(s.finish)
	go s.run(ctx)
	return s, nil
}

func (s *Sampler) run(ctx context.Context) {
	defer close(s.done)
	ticker, clocks := time.NewTicker(s.interval), time.NewTicker(s.clockEvery())
	defer ticker.Stop()
	defer clocks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clocks.C:
			for _, h := range s.histories {
				h.readClock(s.began)
			}
			continue
		case <-ticker.C:
		}
		s.round()
		if s.full() {
			for _, h := range s.histories {
				h.thin()
			}
			s.interval *= 2
			ticker.Reset(s.interval)
			clocks.Reset(s.clockEvery())
		}
	}
}

// clockEvery is how often the CPU clocks are read.
func (s *Sampler) clockEvery() time.Duration {
	every := max(s.interval/cpuEvery, minClock)
	if len(s.histories) > few {
		every *= 2
	}
	return every
}

// round takes one sample of every target that is still there.
func (s *Sampler) round() {
	for _, h := range s.histories {
		h.sample(s.began)
	}
}

func (s *Sampler) full() bool {
	for _, h := range s.histories {
		if len(h.tracks[cpu].at) >= s.points {
			return true
		}
	}
	return false
}

// Stop takes a last sample and returns all of them. Further calls return the
// same.
func (s *Sampler) Stop() *Samples { return s.stop() }

func (s *Sampler) finish() *Samples {
	s.cancel()
	<-s.done
	s.round()
	out := &Samples{began: s.began, histories: make(map[string]*history)}
	for _, h := range s.histories {
		out.histories[h.name] = h
	}
	for _, f := range s.far {
		for _, name := range f.names {
			out.histories[name] = blank(name)
		}
		if t, err := f.stop(); err == nil { // else the bench has lost the machine, and says so
			_ = out.add(t)
		}
	}
	return out
}
