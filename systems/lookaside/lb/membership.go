package lb

import (
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/directory"
)

// Apply makes the directory's entries, which are complete up to a revision and
// sorted by it, the balancer's members. Of two lives of one id the later
// counts, until it leaves.
func (b *Server) Apply(entries []directory.Entry, revision int64) {
	listed := make(map[string]balancer.Member, len(entries))
	for _, e := range entries {
		if len(e.Path) != 2 {
			b.log.Warn("foreign entry in the directory", "path", e.Path)
			continue
		}
		listed[e.Path[0]] = balancer.Member{ID: e.Path[0], Instance: e.Path[1], Address: e.Address, Capacity: e.Capacity, Revision: e.Revision}
	}
	b.mu.Lock()
	b.leave(listed)
	for _, e := range entries { // in the order of registration
		if m, ok := listed[e.Path[0]]; ok && m.Revision == e.Revision {
			b.join(m)
		}
	}
	b.mu.Unlock()
	b.complete.Set(revision)
	b.relist()
}

// leave removes the members that the directory no longer lists. One that it
// lists with an earlier revision than ours is an earlier life, or etcd has
// lost its data: both start over.
func (b *Server) leave(listed map[string]balancer.Member) {
	for id, m := range b.members {
		if l, ok := listed[id]; !ok || l.Revision < m.Revision {
			b.core.Leave(id, m.Instance)
			delete(b.members, id)
		}
	}
}

func (b *Server) join(m balancer.Member) {
	if b.members[m.ID] == m {
		return
	}
	if err := b.core.Join(m); err != nil {
		b.log.Warn("entry in the directory refused", "id", m.ID, "instance", m.Instance, "error", err)
		return
	}
	b.members[m.ID] = m
}
