package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dyno/bench/fault"
)

// MaxLinks bounds the links of a [Network].
const MaxLinks = 1024

// Network holds the links of one trial. All methods may be called from any
// goroutine.
type Network struct {
	template Options
	clock    *clock

	mu     sync.Mutex
	links  map[[2]string]*Link
	closed bool
}

// NewNetwork returns a network without links. They take everything but their
// names and target from the template.
func NewNetwork(template Options) (*Network, error) {
	if template.From != "" || template.To != "" || template.Target != "" {
		return nil, errors.New("network: From, To and Target are given to Add, not in the template")
	}
	if _, err := template.complete(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	c, err := startClock()
	if err != nil {
		return nil, err
	}
	return &Network{template: template, clock: c, links: map[[2]string]*Link{}}, nil
}

// Add makes the link by which from reaches to. The target may be empty until
// it is known: see [Link.SetTarget].
func (n *Network) Add(from, to, target string) (*Link, error) {
	o := n.template
	o.From, o.To, o.Target = from, to, target
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, fmt.Errorf("%v: %w", o, errClosed)
	case from == "" || to == "":
		return nil, fmt.Errorf("%v: both sides of a link need a name", o)
	case n.links[[2]string{from, to}] != nil:
		return nil, fmt.Errorf("%v exists already", o)
	case len(n.links) == MaxLinks:
		return nil, fmt.Errorf("%v: the network has %d links already", o, MaxLinks)
	}
	l, err := newLink(o, n.clock)
	if err != nil {
		return nil, err
	}
	n.links[[2]string{from, to}] = l
	return l, nil
}

// Link finds the link by which from reaches to.
func (n *Network) Link(from, to string) (*Link, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, ok := n.links[[2]string{from, to}]
	return l, ok
}

// Links returns all links, ordered by From and To.
func (n *Network) Links() []*Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	links := make([]*Link, 0, len(n.links))
	for _, l := range n.links {
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b *Link) int {
		return cmp.Or(cmp.Compare(a.From(), b.From()), cmp.Compare(a.To(), b.To()))
	})
	return links
}

// Begin has a fault strike now, whatever its time, and returns how many links
// it concerned. That there is none is an error: a name is misspelt.
func (n *Network) Begin(f fault.Fault) (int, error) { return n.each(f, (*Link).strike) }

// End ends a fault that has begun, unless it has been healed, and returns how
// many links it concerned.
func (n *Network) End(f fault.Fault) (int, error) { return n.each(f, (*Link).lift) }

func (n *Network) each(f fault.Fault, do func(*Link, fault.Fault) error) (int, error) {
	links, err := n.concerned(f)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(links))
	var all sync.WaitGroup
	for i, l := range links { // at once: each may be a question to another machine
		all.Go(func() { errs[i] = do(l, f) })
	}
	all.Wait()
	return len(links), errors.Join(errs...)
}

// Strike has a fault begin or end on one link.
func (n *Network) Strike(from, to string, f fault.Fault, ends bool) error {
	if err := check(f); err != nil {
		return err
	}
	l, ok := n.Link(from, to)
	switch {
	case !ok:
		return fmt.Errorf("there is no link %s->%s", from, to)
	case ends:
		return l.lift(f)
	}
	return l.strike(f)
}

// Check refuses a fault that links cannot have, or that concerns none.
func (n *Network) Check(f fault.Fault) error {
	_, err := n.concerned(f)
	return err
}

// concerned returns the links that a fault is about.
func (n *Network) concerned(f fault.Fault) ([]*Link, error) {
	if err := check(f); err != nil {
		return nil, err
	}
	links := n.Links()
	var names []string
	for _, l := range links {
		names = append(names, l.From()+"->"+l.To())
	}
	links = slices.DeleteFunc(links, func(l *Link) bool {
		forward, back := l.concerns(f)
		return !forward && !back
	})
	if len(links) == 0 {
		return nil, fmt.Errorf("fault %q: no link matches %v; there are: %s", f, f.Links, strings.Join(names, ", "))
	}
	return links, nil
}

// Applied is a moment of a schedule that has been carried out.
type Applied struct {
	Event fault.Event
	At    time.Duration // when, after the start
	Links int           // how many it concerned
}

// Run carries out a schedule whose times count from start, and reports each
// moment to observe, which may be nil, once it is done. What lies in the past is
// done at once. It returns after the last one, or with an error when the context
// ends before, a fault concerns no link (checked before the first), or the
// network is closed.
func (n *Network) Run(ctx context.Context, start time.Time, schedule fault.Schedule, observe func(Applied)) error {
	for _, f := range schedule {
		if err := n.Check(f); err != nil {
			return err
		}
	}
	return play(ctx, n.clock, start.Sub(n.clock.start), schedule.Events(), func(e fault.Event, at time.Duration) error {
		do := n.Begin
		if e.Ends {
			do = n.End
		}
		links, err := do(e.Fault)
		if err == nil && observe != nil {
			observe(Applied{Event: e, At: at, Links: links})
		}
		return err
	})
}

// play calls do for each event when its time after start has come.
func play(ctx context.Context, c *clock, start time.Duration, events []fault.Event, do func(e fault.Event, at time.Duration) error) error {
	for _, e := range events {
		if err := c.sleep(ctx, start+e.At); err != nil {
			return fmt.Errorf("before %v: %w", e, err)
		}
		if err := do(e, c.now()-start); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns the counters of all links, ordered by From and To.
func (n *Network) Stats() []Stats {
	links := n.Links()
	stats := make([]Stats, len(links))
	for i, l := range links {
		stats[i] = l.Stats()
	}
	return stats
}

// Close closes all links and waits for everything that runs for them.
func (n *Network) Close() error {
	n.mu.Lock()
	closed := n.closed
	n.closed = true
	n.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, l := range n.Links() {
		errs = append(errs, l.Close())
	}
	n.clock.close()
	return errors.Join(errs...)
}
