package rival

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"dyno/bench/rival"
	"dyno/systems"
)

// The servers' names.
const (
	primaryName = "primary"
	replicaName = "replica"
)

// sentinels is how many watch where something goes wrong.
const sentinels = 3

// redisPair is a primary and its replica.
type redisPair struct {
	primary, replica *rival.Redis
	watch            *rival.Redis // one of the sentinels, where something is to go wrong
}

// openRedis starts Redis with a replica, and Sentinel where something is to go wrong.
func openRedis(ctx context.Context, room *rival.Room, v systems.Values) (c *cluster, err error) {
	fsync := ""
	switch {
	case v.Text(rival.Knob) == Durable && v.Text(rival.KnobMutant) == mutantNoFsync:
		fsync = "no"
	case v.Text(rival.Knob) == Durable:
		fsync = "always"
	}
	p := &redisPair{}
	if p.primary, err = room.Redis(ctx, primaryName, rival.RedisOptions{Fsync: fsync}); err != nil {
		return nil, err
	}
	if p.replica, err = room.Redis(ctx, replicaName, rival.RedisOptions{Fsync: fsync, Of: p.primary}); err != nil {
		return nil, err
	}
	c = &cluster{
		servers: []systems.Process{p.primary, p.replica}, after: p.after, survive: p.survive,
		load: systems.Launch{Role: rival.RoleLoader, Name: rival.RoleLoader, Args: []string{
			"--redis", p.primary.Endpoint,
			"--wait=" + strconv.FormatBool(v.Text(KnobWait) == "on" && v.Text(rival.KnobMutant) != mutantNoWait),
		}},
	}
	if v.Text(rival.KnobFault) == rival.None {
		return c, nil
	}
	watch, err := room.Sentinels(ctx, sentinels, p.primary, int(downAfter.Milliseconds()))
	if err != nil {
		return nil, err
	}
	p.watch = watch[0]
	var addrs []string
	for _, s := range watch {
		addrs = append(addrs, s.Endpoint)
	}
	c.gone = []string{"--sentinels", strings.Join(addrs, ",")}
	return c, nil
}

// after asks both servers what they hold, once the replica has all. Redis does not
// count its syncs: what it says of its configuration must do.
func (p *redisPair) after(ctx context.Context, clients int, h *history) (err error) {
	if err := p.primary.Settle(ctx); err != nil {
		return err
	}
	for _, s := range []*rival.Redis{p.primary, p.replica} {
		one := server{Name: s.Name()}
		if one.Balances, err = balances(ctx, s, clients); err != nil {
			return err
		}
		fsync, err := s.Setting(ctx, "appendfsync")
		if err != nil {
			return err
		}
		on, err := s.Setting(ctx, "appendonly")
		if err != nil {
			return err
		}
		one.Durable, one.Says = on == "yes" && fsync == "always", fmt.Sprintf("appendonly %s and appendfsync %s", on, fsync)
		h.Servers = append(h.Servers, one)
	}
	if h.Writes, err = p.primary.Calls(ctx, "incrby"); err != nil {
		return err
	}
	h.Receipts, err = p.primary.Calls(ctx, "wait")
	return err
}

func balances(ctx context.Context, s *rival.Redis, clients int) (out []int64, err error) {
	words := []string{"MGET"}
	for i := range clients {
		words = append(words, balanceKey(i))
	}
	answer, err := s.Ask(ctx, words...)
	if err != nil {
		return nil, err
	}
	list, _ := answer.([]any)
	for _, a := range list {
		text, _ := a.(string) // nil: no deposit yet
		n, _ := strconv.ParseInt("0"+text, 10, 64)
		out = append(out, n)
	}
	return out, nil
}

// survive asks whom the sentinels name in the end.
func (p *redisPair) survive(ctx context.Context, clients int) (s survivor, err error) {
	if s.Addr, err = p.watch.Primary(ctx); err != nil {
		return s, err
	}
	server := &rival.Redis{Endpoint: s.Addr}
	for i := range clients {
		w, err := list(ctx, server, listKey(i))
		if err != nil {
			return s, err
		}
		s.Writes = append(s.Writes, w)
	}
	s.Stay, err = list(ctx, server, stayKey)
	return s, err
}

func list(ctx context.Context, s *rival.Redis, key string) (out []int64, err error) {
	answer, err := s.Ask(ctx, "LRANGE", key, "0", "-1")
	if err != nil {
		return nil, err
	}
	items, _ := answer.([]any)
	for _, a := range items {
		n, err := strconv.ParseInt(fmt.Sprint(a), 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
