package figure

import "dyno/internal/record"

// members shows one figure per member of a group (server, worker, branch):
// who carries how much. Panels are stacked, so that member stands above
// member.
var members = Kind{
	Name:    "members",
	Help:    "a vector: grouped bars, one category per member (server, worker, branch)",
	Of:      record.KindVector,
	columns: func(*Chart) int { return 1 },
	prepare: bars.prepare,
	thumb:   barThumb,
	zero:    true,
}
