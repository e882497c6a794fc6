package lb

import (
	"strings"
	"testing"

	"dyno/systems/lookaside/directory"
)

// rows lists the table as "id/instance".
func (b *Server) rows() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.core.Rows(b.now()) {
		out = append(out, r.ID+"/"+r.Instance)
	}
	return strings.Join(out, " ")
}

// Each step is the directory as a whole, and what the table must then be.
func TestMembersFollowTheDirectory(t *testing.T) {
	type step struct {
		entries []directory.Entry
		want    string
	}
	for name, steps := range map[string][]step{
		"in the order of registration": {
			{[]directory.Entry{life("s2", "a", 3), life("s1", "a", 5)}, "s2/a s1/a"},
			{[]directory.Entry{life("s2", "a", 3), life("s1", "a", 5), life("s0", "a", 9)}, "s2/a s1/a s0/a"},
			{[]directory.Entry{life("s1", "a", 5)}, "s1/a"},
			{nil, ""},
		},
		"a second life replaces the first, whose late end changes nothing": {
			{[]directory.Entry{life("s1", "old", 1), life("s2", "a", 2)}, "s1/old s2/a"},
			{[]directory.Entry{life("s1", "old", 1), life("s2", "a", 2), life("s1", "new", 3)}, "s2/a s1/new"},
			{[]directory.Entry{life("s2", "a", 2), life("s1", "new", 3)}, "s2/a s1/new"},
		},
		"an earlier life outlives a later one": {
			{[]directory.Entry{life("s1", "old", 1), life("s1", "new", 2)}, "s1/new"},
			{[]directory.Entry{life("s1", "old", 1)}, "s1/old"},
		},
		"a lease lost and taken again: it goes last": {
			{[]directory.Entry{life("s1", "a", 1), life("s2", "a", 2)}, "s1/a s2/a"},
			{[]directory.Entry{life("s2", "a", 2), life("s1", "a", 7)}, "s2/a s1/a"},
		},
		"etcd came back without its data": {
			{[]directory.Entry{life("s1", "a", 100), life("s2", "a", 101)}, "s1/a s2/a"},
			{[]directory.Entry{life("s2", "a", 2), life("s1", "a", 3)}, "s2/a s1/a"},
		},
		"foreign and absurd entries are left out": {
			{[]directory.Entry{{Path: []string{"s9"}, Address: "x:1", Capacity: 1, Revision: 1}, {Path: []string{"s8", "a"}, Address: "x:1", Capacity: -1, Revision: 2}, life("s1", "a", 3)}, "s1/a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBalancer(t)
			for i, s := range steps {
				b.Apply(s.entries, int64(i))
				if got := b.rows(); got != s.want {
					t.Errorf("step %d: table %q, want %q", i, got, s.want)
				}
			}
		})
	}
}
