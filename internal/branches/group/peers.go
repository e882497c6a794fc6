package group

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"dyno/internal/replica"
)

// Peers is a flag: where branches are, as 1=HOST:PORT,2=HOST:PORT, or @FILE in
// place of HOST:PORT, where it is read when it is needed.
type Peers map[replica.ID]string

// String implements flag.Value.
func (p *Peers) String() string {
	if p == nil {
		return ""
	}
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(*p)) {
		parts = append(parts, fmt.Sprintf("%d=%s", id, (*p)[id]))
	}
	return strings.Join(parts, ",")
}

// Type is what help calls the flag's value.
func (p *Peers) Type() string { return "peers" }

// Set implements flag.Value.
func (p *Peers) Set(text string) error {
	*p = make(Peers)
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, addr, ok := strings.Cut(part, "=")
		id, err := strconv.ParseInt(name, 10, 32)
		if !ok || err != nil || id < 1 {
			return fmt.Errorf("%q is not ID=HOST:PORT with an id from 1 on", part)
		}
		if _, twice := (*p)[replica.ID(id)]; twice {
			return fmt.Errorf("branch %d is there twice", id)
		}
		if _, _, err := net.SplitHostPort(addr); err != nil && !strings.HasPrefix(addr, "@") {
			return fmt.Errorf("%q: %w; give HOST:PORT, or @FILE that holds it", part, err)
		}
		(*p)[replica.ID(id)] = addr
	}
	return nil
}

// Without are the peers but one, which a list of all may contain.
func (p Peers) Without(self replica.ID) Peers {
	out := make(Peers, len(p))
	maps.Copy(out, p)
	delete(out, self)
	return out
}
