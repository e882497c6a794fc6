package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the word for a fault. In brackets: what its text says after the word.
// NODE is the name of a process. LINKS is A->B for what goes from A to B, A<->B
// for both ways, which may be written A-B if no name has a hyphen, or nothing
// for all links; A and B are names or patterns such as s*, separated by commas,
// and * is everybody not on the other side. Every kind that lasts may have an
// end. Not every host can do everything: one that cannot says so before it
// begins.
type Kind string

// What strikes a process.
const (
	// Kill ends a process at once (SIGKILL) [NODE]. What it gave the system to
	// write is there afterwards, synced or not. At the end of the fault it is
	// started again: same name, address and folders.
	Kill Kind = "kill"
	// Crash is a power cut [NODE=SHARE]: beside the memory of the process, what it
	// has written but not synced is gone, except for that share of the bytes, a
	// prefix; none is 0.
	Crash Kind = "crash"
	// Stop asks a process to finish what it has and end (SIGTERM) [NODE]. At the
	// end of the fault it is started again.
	Stop Kind = "stop"
	// Restart starts a process that is down, whatever took it down [NODE].
	Restart Kind = "restart"
	// Pause stops a process in the middle of its work (SIGSTOP) [NODE]: what
	// arrives waits, and comes in order when it resumes.
	Pause Kind = "pause"
	// Resume continues a paused process, whatever paused it [NODE].
	Resume Kind = "resume"
)

// What strikes links.
const (
	// Cut is a pulled cable [LINKS]: nothing arrives, and nobody is told. What
	// TCP carries arrives later; a message of the simulator is lost.
	Cut Kind = "cut"
	// Drop loses with a probability [LINKS=P]: messages in the simulator, new
	// connections on links of TCP, which itself hides the loss of packets.
	Drop Kind = "drop"
	// Duplicate doubles messages with a probability [LINKS=P].
	Duplicate Kind = "duplicate"
	// Delay holds everything back [LINKS=DELAY]: 5ms, 5ms±1ms (alike between 4 and
	// 6 ms) or 5ms~1ms (5 ms and an exponential time with a mean of 1 ms).
	Delay Kind = "delay"
	// Rate limits the bytes per second [LINKS=BYTES]: 500000, 64kB, 1.5MB, 1MiB.
	Rate Kind = "rate"
	// Refuse makes new connections fail [LINKS].
	Refuse Kind = "refuse"
	// Reset ends the connections there are [LINKS].
	Reset Kind = "reset"
	// Heal ends all faults in force on links [LINKS].
	Heal Kind = "heal"
)

// What strikes a disk.
const (
	// FullDisk makes changes to files fail as on a full disk [NODE=P]: each with
	// this probability; none is 1.
	FullDisk Kind = "full-disk"
	// SlowDisk makes every sync begun meanwhile take longer [NODE=DELAY].
	SlowDisk Kind = "slow-disk"
	// FailSync makes syncs that end meanwhile fail with a probability [NODE=P];
	// none is 1.
	FailSync Kind = "fail-sync"
)

// value says what a kind is given after the sign =.
type value int

const (
	nothing  value = iota
	chance         // P, which must be there
	share          // P; none is 0
	allShare       // P; none is 1
	delay          // Delay, Jitter and Tail
	amount         // Delay alone
	bytes          // Rate
)

// form says which fields of a Fault a kind has.
type form struct {
	kind           Kind
	links, lasting bool // if not links: a node
	value          value
}

var forms = []form{
	{Kill, false, true, nothing},
	{Crash, false, true, share},
	{Stop, false, true, nothing},
	{Restart, false, false, nothing},
	{Pause, false, true, nothing},
	{Resume, false, false, nothing},
	{Cut, true, true, nothing},
	{Drop, true, true, chance},
	{Duplicate, true, true, chance},
	{Delay, true, true, delay},
	{Rate, true, true, bytes},
	{Refuse, true, true, nothing},
	{Reset, true, false, nothing},
	{Heal, true, false, nothing},
	{FullDisk, false, true, allShare},
	{SlowDisk, false, true, amount},
	{FailSync, false, true, allShare},
}

func formOf(k Kind) (form, error) {
	i := slices.IndexFunc(forms, func(f form) bool { return f.kind == k })
	if i < 0 {
		names := make([]string, len(forms))
		for i, f := range forms {
			names[i] = string(f.kind)
		}
		return form{}, fmt.Errorf("no fault is called %q: want one of %s", k, strings.Join(names, ", "))
	}
	return forms[i], nil
}

// Lasts says that a fault of this kind may have an end.
func (k Kind) Lasts() bool {
	f, err := formOf(k)
	return err == nil && f.lasting
}

// OnLinks says that the kind strikes links; the others strike a node.
func (k Kind) OnLinks() bool {
	f, err := formOf(k)
	return err == nil && f.links
}
