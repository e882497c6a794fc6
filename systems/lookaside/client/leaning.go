package client

import (
	"cmp"
	"slices"

	"dyno/bench/load"
)

// Leaning is how much requests went to servers that had few under way, as their
// clients saw it: whoever chose, and whatever by.
type Leaning struct {
	Picks  int64   `json:"picks"`
	Excess float64 `json:"excess"` // under way where they went, above the least that any server had, summed up
	Coin   float64 `json:"coin"`   // the same that a coin would have been expected to make of these picks
}

// leaning looks at each request that was answered, at the moment when it was sent.
func leaning(res *load.Result, servers int) (l Leaning) {
	type change struct {
		at     int64
		begins bool
		target int32
	}
	var changes []change
	for _, s := range res.Spans {
		if s.Target >= 0 {
			changes = append(changes, change{s.Begin, true, s.Target}, change{s.End, false, s.Target})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		if a.at == b.at && a.begins != b.begins {
			return map[bool]int{true: 1, false: -1}[a.begins]
		}
		return cmp.Compare(a.at, b.at)
	})
	under, all := make([]int, servers), 0
	for _, c := range changes {
		if !c.begins {
			under[c.target]--
			all--
			continue
		}
		least := slices.Min(under)
		l.Picks++
		l.Excess += float64(under[c.target] - least)
		l.Coin += float64(all)/float64(servers) - float64(least)
		under[c.target]++
		all++
	}
	return l
}
