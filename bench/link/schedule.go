package link

import (
	"fmt"
	"slices"

	"dyno/bench/fault"
)

// offered are the faults that links can have.
var offered = []fault.Kind{fault.Cut, fault.Heal, fault.Delay, fault.Rate, fault.Drop, fault.Refuse, fault.Reset}

// Offers says whether a fault of this kind can strike a link. Messages are not
// doubled: TCP would hide it.
func Offers(k fault.Kind) bool { return slices.Contains(offered, k) }

// struck are the faults in force on a link, in the order in which they came.
// Those of new connections are among the forward ones.
type struck struct{ forward, back []fault.Fault }

// concerns says which ways of a link a fault is about. Connections are opened
// forward only.
func (l *Link) concerns(f fault.Fault) (forward, back bool) {
	forward, back = f.Links.Cover(l.From(), l.To()), f.Links.Cover(l.To(), l.From())
	switch f.Kind {
	case fault.Drop, fault.Refuse, fault.Reset:
		return forward, false
	}
	return forward, back
}

// strike has a fault begin on the ways that it concerns.
func (l *Link) strike(f fault.Fault) error {
	if l.far != nil {
		return l.far.Strike(f, false)
	}
	forward, back := l.concerns(f)
	if f.Kind == fault.Reset {
		l.Reset()
		return nil
	}
	return l.change(func(_ *Rules, s *struck) {
		if forward {
			s.forward = withFault(s.forward, f)
		}
		if back {
			s.back = withFault(s.back, f)
		}
	})
}

// lift ends one fault, unless it has been healed.
func (l *Link) lift(f fault.Fault) error {
	if l.far != nil {
		return l.far.Strike(f, true)
	}
	return l.change(func(_ *Rules, s *struck) { s.forward, s.back = withoutFault(s.forward, f), withoutFault(s.back, f) })
}

func withFault(faults []fault.Fault, f fault.Fault) []fault.Fault {
	if f.Kind == fault.Heal {
		return nil
	}
	return append(slices.Clip(faults), f)
}

func withoutFault(faults []fault.Fault, f fault.Fault) []fault.Fault {
	i := slices.IndexFunc(faults, func(g fault.Fault) bool { return g.String() == f.String() })
	if i < 0 {
		return faults
	}
	return slices.Concat(faults[:i], faults[i+1:])
}

// under adds to a link's own rules what the faults in force do. Delays add up;
// of several jitters the latest holds, and of several rates the lowest.
func (r Rules) under(s struck) Rules {
	for _, f := range s.forward {
		r.Forward = r.Forward.under(f)
		switch f.Kind {
		case fault.Refuse:
			r.Refuse = true
		case fault.Drop:
			r.Drop = 1 - (1-r.Drop)*(1-f.P)
		}
	}
	for _, f := range s.back {
		r.Back = r.Back.under(f)
	}
	return r
}

func (p Path) under(f fault.Fault) Path {
	switch {
	case f.Kind == fault.Cut:
		p.Cut = true
	case f.Kind == fault.Rate && (p.Rate == 0 || f.Rate < p.Rate):
		p.Rate = f.Rate
	case f.Kind == fault.Delay && f.Tail:
		p.Delay, p.Jitter = p.Delay+f.Delay, Jitter{Size: f.Jitter, Exponential: true}
	case f.Kind == fault.Delay:
		p.Delay += f.Delay - f.Jitter
		if f.Jitter > 0 {
			p.Jitter = Jitter{Size: 2 * f.Jitter}
		}
	}
	return p
}

// check refuses a fault that links cannot have.
func check(f fault.Fault) error {
	if err := f.Check(); err != nil {
		return err
	}
	if !Offers(f.Kind) {
		return fmt.Errorf("fault %q: links know %v, not %s", f, offered, f.Kind)
	}
	return nil
}
