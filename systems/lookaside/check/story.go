package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/internal/spacetime"
	"dyno/systems/lookaside/core/policy"
)

// Call is one request of a client, times on the clock of the history.
type Call struct {
	Client  string
	Number  int64
	Began   time.Duration // it asked who is to serve; of picks made ahead of calls, not after they were
	Sent    time.Duration // it was told, and sent its work
	Ended   time.Duration
	Server  string // that had it last; empty: nobody
	Outcome record.Outcome
	Reason  string // if it was not ok
}

// balancerLine is its name in pictures.
const balancerLine = "balancer"

// Story tells of the fewest requests that break a promise, by what clients saw: a
// wrong answer, a pick of somebody who had gone, turns that are not taken. Of sums
// that do not agree there is none.
func (h *History) Story() story.Story {
	for _, find := range []func() story.Story{h.wrong, h.late, h.outOfTurn} {
		if s := find(); !s.Empty() {
			return s
		}
	}
	return story.Story{}
}

// wrong tells of the first wrong answer.
func (h *History) wrong() story.Story {
	for _, c := range h.byTime() {
		if c.Outcome != record.Failed || !strings.Contains(c.Reason, " answered ") {
			continue
		}
		s := story.Story{
			Title: c.Server + " answers wrongly",
			Words: []string{fmt.Sprintf("request %d of %s: %s", c.Number, c.Client, c.Reason)},
		}
		s.Steps = append(s.Steps, pick(c), story.Step{
			Who: c.Client, At: c.Server, Begin: int64(c.Sent), End: int64(c.Ended), Text: "wrong answer", Outcome: record.OK, Broken: true,
		})
		return s
	}
	return story.Story{}
}

// late tells of the last pick of somebody who had been gone for too long.
func (h *History) late() story.Story {
	for _, g := range h.Servers {
		if late := g.LastPicked - g.GoneAt; g.Gone && late > h.Bound {
			s := story.Story{
				Title: g.ID + " is picked though it is gone",
				Words: []string{fmt.Sprintf("%s was gone at %v; %v later a client was sent to it, the bound is %v", g.ID, g.GoneAt, late, h.Bound)},
			}
			s.Steps = []story.Step{{
				Who: "a client", At: g.ID, Begin: int64(g.LastPicked), End: spacetime.Never, Text: "sent to " + g.ID,
				Outcome: record.Unknown, Broken: true,
			}}
			s.Absences = []story.Absence{{Who: g.ID, From: int64(g.GoneAt), Until: int64(g.LastPicked) + 1, Text: "gone"}}
			return s
		}
	}
	return story.Story{}
}

// outOfTurn tells of the moment at which one server had had two turns more than
// another one, however those picks are ordered that were under way then.
func (h *History) outOfTurn() story.Story {
	promise, err := policy.Lookup(h.Policy)
	if err != nil || promise.Shares != policy.Even || h.Faults || h.Moved || !h.Asked || h.disturbed() > 0 {
		return story.Story{}
	}
	calls, until := h.byTime(), h.toldUntil()
	counts := make(map[string]int)
	for i, c := range calls {
		if counts[c.Server]++; c.Sent > until {
			break
		}
		if seldom, ok := h.overtaken(counts, c, calls[i+1:]); ok {
			return told(calls[:i+1], counts, c.Server, seldom)
		}
	}
	return story.Story{}
}

// toldUntil is the moment from which on calls may be missing.
func (h *History) toldUntil() time.Duration {
	until, last, n := h.Elapsed, make(map[string]time.Duration), make(map[string]int64)
	for _, c := range h.Calls {
		last[c.Client] = max(last[c.Client], c.Sent)
		n[c.Client]++
	}
	for _, c := range h.Clients {
		if c.Counts.Sent > n[c.Name] {
			until = min(until, last[c.Name])
		}
	}
	return until
}

// overtaken names a server that is two turns behind whoever was picked last. Picks
// that had begun by then may have been made before it, and those that no call used.
func (h *History) overtaken(counts map[string]int, last Call, later []Call) (seldom string, ok bool) {
	perhaps := make(map[string]int)
	for _, c := range later {
		if c.Began < last.Sent {
			perhaps[c.Server]++
		}
	}
	for _, s := range h.Servers {
		if counts[last.Server] > counts[s.ID]+perhaps[s.ID]+int(s.Unused)+1 {
			return s.ID, true
		}
	}
	return "", false
}

// maxPicks bounds the picks in a picture: the last ones.
const maxPicks = 6

// told tells of picks from the first one to that which broke the promise.
func told(calls []Call, counts map[string]int, often, seldom string) story.Story {
	last := calls[len(calls)-1]
	s := story.Story{
		First: []string{balancerLine},
		Title: fmt.Sprintf("%s has its turn before %s", often, seldom),
		Words: []string{fmt.Sprintf(
			"request %d of %s went to %s: of the first %d picks that makes %d for %s and %d for %s; by turns, counts differ by 1 at most",
			last.Number, last.Client, often, len(calls), counts[often], often, counts[seldom], seldom)},
	}
	shown := calls[max(0, len(calls)-maxPicks):]
	for _, c := range shown {
		s.Steps = append(s.Steps, pick(c))
		s.Messages = append(s.Messages, story.Message{From: c.Client, To: c.Server, Sent: int64(c.Sent), Received: int64(c.Sent)})
	}
	s.Steps[len(s.Steps)-1].Broken = true
	var before []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		for _, c := range shown {
			if c.Server == name {
				counts[name]--
			}
		}
		before = append(before, fmt.Sprintf("%s %d", name, counts[name]))
	}
	s.Notes = []string{"(Picks before these: " + strings.Join(before, ", ") + ".)"}
	return s
}

// pick is the question who is to serve.
func pick(c Call) story.Step {
	return story.Step{
		Who: c.Client, At: balancerLine, Begin: int64(c.Began), End: int64(c.Sent), Text: fmt.Sprintf("request %d → %s", c.Number, c.Server),
		Outcome: record.OK,
	}
}

// byTime are the calls that were told, in the order of their picks.
func (h *History) byTime() []Call {
	calls := slices.Clone(h.Calls)
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Compare(a.Sent, b.Sent) })
	return calls
}
