package inject

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"dyno/bench/fault"
	"dyno/bench/link"
	"dyno/internal/backoff"
	"dyno/systems"
)

// Knob lets an experiment name any faults for a system that has it.
var Knob = systems.Knob{
	Name:   "faults",
	Type:   systems.Text{What: fault.Allowed, Check: fault.Canonical},
	Help:   "what goes wrong, and when after the load begins",
	Breaks: true,
}

// Links is the same for a system whose trials survive bad links, but not the
// loss of a process.
var Links = systems.Knob{
	Name:   "links",
	Type:   systems.Text{What: `faults on links such as "delay client->server=5ms±1ms@0s; cut a-b@1s..2s", or nothing`, Check: onLinks},
	Help:   "what happens to the links between roles, and when after the load begins",
	Breaks: true,
}

func onLinks(text string) (string, error) {
	schedule, err := fault.Parse(text)
	for _, f := range schedule {
		if !link.Offers(f.Kind) {
			return "", fmt.Errorf("%q strikes no link", f)
		}
	}
	return schedule.Line(), err
}

// stopGrace is what a process is given that is asked to stop.
const stopGrace = 10 * time.Second

// onProcesses are the faults that signals, restarts and limits make.
var onProcesses = []fault.Kind{fault.Kill, fault.Stop, fault.Restart, fault.Pause, fault.Resume, fault.FullDisk}

// Linker is a bench whose links are on the machines of its roles.
type Linker interface {
	OpenLink(link.Options) (link.Far, error)
}

// Faults are what is to go wrong in one trial. The zero value is of no use.
type Faults struct {
	bench    systems.Bench
	schedule fault.Schedule
	network  *link.Network // nil: no link is struck

	mu      sync.Mutex
	victims map[string]*victim
}

// Open prepares the faults of a text. What cannot happen to real processes is
// a usage error.
func Open(b systems.Bench, text string) (*Faults, error) {
	schedule, err := fault.Parse(text)
	if err != nil {
		return nil, systems.Usagef("faults: %w", err)
	}
	f := &Faults{bench: b, schedule: schedule, victims: make(map[string]*victim)}
	links := false
	for _, s := range schedule {
		if err := happens(s); err != nil {
			return nil, err
		}
		links = links || link.Offers(s.Kind)
	}
	if links {
		// Where another program has a role, what broke is told with the messages that passed.
		o := link.Options{Seed: b.Setting().Seed, Trace: len(b.Setting().Impl) > 0}
		if far, ok := b.(Linker); ok {
			o.Elsewhere = far.OpenLink
		}
		f.network, err = link.NewNetwork(o)
	}
	return f, err
}

// Add lets a process be struck under its name.
func (f *Faults) Add(p systems.Process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.victims[p.Name()] = &victim{process: p}
}

// Link returns where a role of a name reaches a process: a link that faults
// can strike or, if none is to, the process itself.
func (f *Faults) Link(from string, to systems.Process) (addr string, err error) {
	return f.LinkTo(from, to.Name(), to.Addr())
}

// OnLinks says that links are struck: all who talk are to be led by [Faults.Link].
func (f *Faults) OnLinks() bool { return f.network != nil }

// LinkTo is [Faults.Link] to a process that is yet to be started, at an address that
// [systems.Bench] has kept for it.
func (f *Faults) LinkTo(from, to, addr string) (string, error) {
	if f.network == nil {
		return addr, nil
	}
	l, err := f.network.Add(from, to, addr)
	if err != nil {
		return "", err
	}
	return l.Addr(), nil
}

// Close ends all links.
func (f *Faults) Close() error {
	if f.network == nil {
		return nil
	}
	return f.network.Close()
}

// Strike is something that has happened.
type Strike struct {
	Event fault.Event
	At    time.Duration // since the faults began
}

// Strikes are faults under way.
type Strikes struct {
	faults *Faults
	began  time.Time
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu   sync.Mutex
	done []Strike
	errs []error
}

// Begin has the faults strike in the background; their times count from now. A
// fault on somebody unknown is an error, before the first one strikes.
func (f *Faults) Begin(ctx context.Context) (*Strikes, error) {
	var onLinks fault.Schedule
	byNode := make(map[string]fault.Schedule)
	for _, s := range f.schedule {
		if s.Kind.OnLinks() {
			onLinks = append(onLinks, s)
			if err := f.network.Check(s); err != nil {
				return nil, systems.Usagef("%w", err)
			}
			continue
		}
		if _, err := f.victim(s); err != nil {
			return nil, err
		}
		byNode[s.Node] = append(byNode[s.Node], s)
	}
	s := &Strikes{faults: f, began: time.Now()}
	waiting, stop := context.WithCancel(ctx)
	s.stop = stop
	// Each process has a line of its own: one that takes its time to stop holds
	// up nothing but what is to happen to itself.
	for node, schedule := range byNode {
		s.all.Go(func() { s.onProcess(ctx, waiting, f.victims[node], schedule) })
	}
	if onLinks != nil {
		s.all.Go(func() {
			err := f.network.Run(waiting, s.began, onLinks, func(a link.Applied) { s.note(a.Event, nil) })
			if err != nil && waiting.Err() == nil {
				s.note(fault.Event{}, err)
			}
		})
	}
	return s, nil
}

func (f *Faults) victim(s fault.Fault) (*victim, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.victims[s.Node]; ok {
		return v, nil
	}
	return nil, onProcess(s, slices.Collect(maps.Keys(f.victims)))
}

// onProcess carries out what is to happen to one process until waiting ends.
// What has begun by then is finished.
func (s *Strikes) onProcess(ctx, waiting context.Context, v *victim, schedule fault.Schedule) {
	for _, e := range schedule.Events() {
		if backoff.Sleep(waiting, time.Until(s.began.Add(e.At))) != nil {
			return
		}
		s.note(e, v.meet(ctx, e))
	}
}

func (s *Strikes) note(e fault.Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.errs = append(s.errs, err)
		return
	}
	s.done = append(s.done, Strike{Event: e, At: time.Since(s.began)})
	s.faults.bench.Logf("now: %v", e)
}

// End gives up what is still to come, resumes who is paused and heals all
// links, so that the trial can drain, and returns what has happened, in that
// order. Who was killed or stopped stays down.
func (s *Strikes) End() ([]Strike, error) {
	s.stop()
	s.all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.faults.victims {
		s.errs = append(s.errs, v.relieve())
	}
	if n := s.faults.network; n != nil && len(n.Links()) > 0 {
		_, err := n.Begin(fault.Fault{Kind: fault.Heal})
		s.errs = append(s.errs, err)
	}
	return s.done, errors.Join(s.errs...)
}

// Missed lists the faults that have not begun, as a trial that was to show
// their effect must know.
func (s *Strikes) Missed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, f := range s.faults.schedule {
		if !slices.ContainsFunc(s.done, func(d Strike) bool { return !d.Event.Ends && d.Event.Fault.String() == f.String() }) {
			out = append(out, f.String())
		}
	}
	return out
}
