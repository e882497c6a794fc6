package sim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says what a fault does. In brackets: what its line says after the time
// and the kind, where LINKS is "A - B", "A > B" for one way only, or nothing
// for all links; A and B are names separated by commas, or * for all nodes not
// on the other side. Every kind that lasts can end with "for DURATION".
type Kind string

const (
	// Crash ends a node's life [NODE]: its memory, timers and syncs are gone,
	// what it has not synced too, and messages that arrive are lost. With
	// "torn SHARE" that share of the unsynced bytes survives, a prefix: all of
	// it, "torn 1", is a process that is killed on a machine that stays up. When
	// the time is over the node starts again.
	Crash Kind = "crash"
	// Restart starts a node that is down, whatever took it down [NODE].
	Restart Kind = "restart"
	// Pause stops a node as SIGSTOP does [NODE]: messages, timers and finished
	// syncs wait, and come in order when it resumes. It does nothing to a node
	// that is down, and a crash ends it.
	Pause Kind = "pause"
	// Resume continues a paused node, whatever paused it [NODE].
	Resume Kind = "resume"
	// Cut breaks links [LINKS]: what is sent or would arrive meanwhile is lost.
	Cut Kind = "cut"
	// Heal ends all cuts and all drop, duplicate and slow faults in force.
	Heal Kind = "heal"
	// Drop loses messages with a probability, beside what the link loses [P LINKS].
	Drop Kind = "drop"
	// Duplicate doubles messages with a probability [P LINKS].
	Duplicate Kind = "duplicate"
	// Slow adds to each message's delay a uniform share of a duration, and so
	// reorders them [DURATION LINKS].
	Slow Kind = "slow"
	// SlowDisk makes every sync begun meanwhile take longer [NODE DURATION].
	SlowDisk Kind = "slow-disk"
	// FailWrite makes changes to files fail with a probability [NODE P].
	FailWrite Kind = "fail-write"
	// FailSync makes syncs that end meanwhile fail with a probability [NODE P].
	FailSync Kind = "fail-sync"
)

// form says which fields of a Fault a kind has.
type form struct {
	kind                                 Kind
	node, p, delay, links, torn, lasting bool
}

var forms = []form{
	{kind: Crash, node: true, torn: true, lasting: true},
	{kind: Restart, node: true},
	{kind: Pause, node: true, lasting: true},
	{kind: Resume, node: true},
	{kind: Cut, links: true, lasting: true},
	{kind: Heal},
	{kind: Drop, p: true, links: true, lasting: true},
	{kind: Duplicate, p: true, links: true, lasting: true},
	{kind: Slow, delay: true, links: true, lasting: true},
	{kind: SlowDisk, node: true, delay: true, lasting: true},
	{kind: FailWrite, node: true, p: true, lasting: true},
	{kind: FailSync, node: true, p: true, lasting: true},
}

func formOf(k Kind) (form, error) {
	i := slices.IndexFunc(forms, func(f form) bool { return f.kind == k })
	if i < 0 {
		names := make([]string, len(forms))
		for i, f := range forms {
			names[i] = string(f.kind)
		}
		return form{}, misused("no fault is called %q: want one of %s", k, strings.Join(names, ", "))
	}
	return forms[i], nil
}

// Links is a set of links: those from a node in A to one in B and, unless
// OneWay, back. An empty side stands for all nodes that are not on the other;
// with two empty sides it is all links.
type Links struct {
	A, B   []string
	OneWay bool
}

func (l Links) all() bool { return len(l.A) == 0 && len(l.B) == 0 }

// Fault is one thing that goes wrong.
type Fault struct {
	At    time.Duration // since the start
	Kind  Kind
	Node  string        // whom it strikes, for the kinds that strike a node
	Links Links         // for Cut, Drop, Duplicate and Slow
	P     float64       // a probability; for Crash the share of unsynced bytes that survive
	Delay time.Duration // for Slow and SlowDisk
	For   time.Duration // how long it lasts; 0: until something else ends it
}

// String returns the fault as a line that [ParseSchedule] reads, such as
//
//	120ms crash s1 torn 0.5 for 50ms
//	200ms cut s1,s2 - s3 for 1s
//	250ms drop 0.1 s1 > *
func (f Fault) String() string {
	words := []string{f.At.String(), string(f.Kind)}
	has, _ := formOf(f.Kind)
	if has.node {
		words = append(words, f.Node)
	}
	share := strconv.FormatFloat(f.P, 'g', -1, 64)
	if has.p {
		words = append(words, share)
	}
	if has.delay {
		words = append(words, f.Delay.String())
	}
	if has.links && !f.Links.all() {
		words = append(words, side(f.Links.A), arrow(f.Links.OneWay), side(f.Links.B))
	}
	if has.torn && f.P != 0 {
		words = append(words, "torn", share)
	}
	if f.For != 0 {
		words = append(words, "for", f.For.String())
	}
	return strings.Join(words, " ")
}

func side(names []string) string {
	if len(names) == 0 {
		return "*"
	}
	return strings.Join(names, ",")
}

func arrow(oneWay bool) string {
	if oneWay {
		return ">"
	}
	return "-"
}

// check refuses values out of range, and fields that the kind does not have.
func (f Fault) check() error {
	has, err := formOf(f.Kind)
	if err != nil {
		return err
	}
	wrong := ""
	switch {
	case min(f.At, f.Delay, f.For) < 0 || max(f.At, f.Delay, f.For) > maxTime:
		wrong = "times must lie between 0 and " + maxTime.String()
	case !isShare(f.P):
		wrong = "a probability or share must lie between 0 and 1"
	case has.node != (f.Node != ""):
		wrong = "a node is missing or too many"
	case f.P != 0 && !has.p && !has.torn, f.Delay != 0 && !has.delay, f.For != 0 && !has.lasting:
		wrong = "this kind has no such field"
	case !has.links && (!f.Links.all() || f.Links.OneWay), f.Links.all() && f.Links.OneWay:
		wrong = "these links make no sense here"
	case slices.ContainsFunc(f.Links.A, func(name string) bool { return slices.Contains(f.Links.B, name) }):
		wrong = "a node is on both sides"
	}
	if wrong != "" {
		return misused("fault %q: %s", f, wrong)
	}
	for _, name := range f.names() {
		if err := checkName(name); err != nil {
			return misused("fault %q: %v", f, err)
		}
	}
	return nil
}

// names lists the nodes that a fault speaks of.
func (f Fault) names() []string {
	names := slices.Concat(f.Links.A, f.Links.B)
	if f.Node != "" {
		names = append(names, f.Node)
	}
	return names
}

// Schedule is a list of faults.
type Schedule []Fault

// String returns one line per fault.
func (s Schedule) String() string {
	var b strings.Builder
	for _, f := range s {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// clone returns a copy that may be changed, but for the names in its Links.
func (s Schedule) clone() Schedule { return slices.Clone(s) }

// sorted returns a copy in the order of time; equals stay as they are.
func (s Schedule) sorted() Schedule {
	out := s.clone()
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return out
}
