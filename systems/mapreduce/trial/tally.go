package trial

import (
	"fmt"

	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/ledger"
)

// tally is what the workers of a job tell, all ledgers together.
type tally struct {
	hello, welcome int64 // bounds on the moment at which the first worker joined; 0: none did
	over           int64 // when the first worker heard that the job was over; 0: none did
	tries          map[uint64]*try
	done           map[string]int // attempts reported as finished, by the name of a worker's life
	failed         int
	strangers      int              // workers that never joined
	maps, reduces  map[int32][]*try // by task
}

// try is an attempt as its worker saw it. Moments are nanoseconds since 1970, 0
// for what did not happen.
type try struct {
	phase           plan.Phase
	task            int32
	got, made, told int64
	result          *ledger.Made
}

// tallied adds up ledgers, which are in the order of the workers' numbers.
func tallied(ledgers [][]byte) *tally {
	t := &tally{tries: map[uint64]*try{}, done: map[string]int{}, maps: map[int32][]*try{}, reduces: map[int32][]*try{}}
	for i, text := range ledgers {
		name, life := fmt.Sprintf("w%d", i+1), 0
		for _, e := range ledger.Read(text) {
			if e.Event == ledger.EventHello {
				if life++; life > 1 {
					name = fmt.Sprintf("w%d.%d", i+1, life)
				}
				t.done[name] = 0
			}
			t.take(e, name)
		}
		if life == 0 {
			t.strangers++
		}
	}
	return t
}

// take adds one line.
func (t *tally) take(e ledger.Line, worker string) {
	a := t.tries[e.Attempt]
	switch {
	case e.Event == ledger.EventHello:
		t.hello = earliest(t.hello, e.At)
	case e.Event == ledger.EventWelcome:
		t.welcome = earliest(t.welcome, e.At)
	case e.Event == ledger.EventOver:
		t.over = earliest(t.over, e.At)
	case e.Event == ledger.EventGot && a == nil: // an answer may come again
		a = &try{phase: e.Phase, task: e.Task, got: e.At}
		t.tries[e.Attempt] = a
		if e.Phase == plan.Map {
			t.maps[e.Task] = append(t.maps[e.Task], a)
		} else {
			t.reduces[e.Task] = append(t.reduces[e.Task], a)
		}
	case e.Event == ledger.EventMade && a != nil && e.Made != nil:
		a.made, a.result = e.At, e.Made
	case e.Event == ledger.EventTold && a != nil:
		a.told = e.At
		t.done[worker]++
	case e.Event == ledger.EventFailed:
		t.failed++
	}
}

// earliest is the first of two moments, of which 0 is none.
func earliest(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// mapsOver bounds the moment at which the last map task was done. The report of
// the first to finish each is on its way by then, and reduce tasks are given out
// after it. If map tasks were given out after that, for their output was lost,
// the moment may be any until the latest.
func (t *tally) mapsOver(latest int64) (least, most int64, again bool) {
	reduces := int64(0)
	for _, tries := range t.reduces {
		for _, a := range tries {
			reduces = earliest(reduces, a.got)
		}
	}
	for _, tries := range t.maps {
		first := int64(0)
		for _, a := range tries {
			first = earliest(first, a.told)
			again = again || reduces > 0 && a.got > reduces
		}
		least = max(least, first)
	}
	if again {
		return least, latest, true
	}
	return least, min(latest, earliest(latest, reduces)), false
}

// bounds sum up one figure of the attempts that counted: where two finished the
// same task, nobody but the master knows which did.
func (t *tally) bounds(of func(*ledger.Made) int64) (least, most int64) {
	for _, phase := range []map[int32][]*try{t.maps, t.reduces} {
		for _, tries := range phase {
			low, high, some := int64(0), int64(0), false
			for _, a := range tries {
				if a.told == 0 || a.result == nil {
					continue
				}
				n := of(a.result)
				if !some || n < low {
					low = n
				}
				high, some = max(high, n), true
			}
			least, most = least+low, most+high
		}
	}
	return least, most
}

// finished counts the tasks of a phase that somebody reported as done.
func finished(phase map[int32][]*try) (n int) {
	for _, tries := range phase {
		for _, a := range tries {
			if a.told > 0 {
				n++
				break
			}
		}
	}
	return n
}

// wins bounds from above the tasks that a later attempt was first at.
func (t *tally) wins() (n int) {
	for _, phase := range []map[int32][]*try{t.maps, t.reduces} {
		for _, tries := range phase {
			late := false
			for _, a := range tries {
				for _, b := range tries {
					late = late || a.told > 0 && a.got > b.got
				}
			}
			if late {
				n++
			}
		}
	}
	return n
}

// impossible names an attempt that is said to have taken longer than its worker
// had it.
func (t *tally) impossible() string {
	for id, a := range t.tries {
		if a.result != nil && a.result.WallNs > a.made-a.got {
			return fmt.Sprintf("attempt %d took %d ns, its worker had it for %d", id, a.result.WallNs, a.made-a.got)
		}
	}
	return ""
}
