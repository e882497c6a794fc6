package rival

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"dyno/systems"
)

// Redis is a running server.
type Redis struct {
	systems.Process
	Endpoint string
	port     string
}

// RedisOptions say how it runs.
type RedisOptions struct {
	// Fsync is when the append-only file is synced: always, everysec, or no; empty:
	// there is no such file, and everything is in memory.
	Fsync string
	// Of is the primary, of a replica. It is ready when it has caught up.
	Of *Redis
}

// Redis starts a server.
func (r *Room) Redis(ctx context.Context, name string, o RedisOptions) (*Redis, error) {
	path, err := r.use(redisServer)
	if err != nil {
		return nil, err
	}
	dir, err := r.dir(name, false)
	if err != nil {
		return nil, err
	}
	n, err := port()
	if err != nil {
		return nil, err
	}
	s := &Redis{port: strconv.Itoa(n), Endpoint: "127.0.0.1:" + strconv.Itoa(n)}
	args := []string{
		path, "--bind", "127.0.0.1", "--port", s.port, "--dir", dir, "--daemonize", "no", "--save", "",
		"--repl-diskless-sync-delay", "0", "--appendonly", "no",
	}
	if o.Fsync != "" {
		args = append(args, "--appendonly", "yes", "--appendfsync", o.Fsync)
	}
	if o.Of != nil {
		args = append(args, "--replicaof", "127.0.0.1", o.Of.port)
	}
	s.Process, err = r.start(ctx, program{
		name: name, dir: dir, args: args,
		ready: func(ctx context.Context) error { return s.ready(ctx, o.Of) },
	})
	return s, err
}

// ready asks a real question. A replica is ready when its primary has a receipt of
// it: the primary says "online" up to a second before it sends it anything. What the
// primary counts of commands begins there.
func (s *Redis) ready(ctx context.Context, of *Redis) error {
	if of == nil {
		_, err := s.Ask(ctx, "DBSIZE")
		return err
	}
	says, err := of.Info(ctx, "replication")
	if state := says["slave0"]; err == nil && !(strings.Contains(state, "port="+s.port) && strings.Contains(state, "state=online")) {
		err = fmt.Errorf("its primary says of it: %q", state)
	}
	if err == nil {
		err = of.Settle(ctx)
	}
	if err == nil {
		_, err = of.Ask(ctx, "CONFIG", "RESETSTAT")
	}
	return err
}

// Ask sends one command over a connection of its own.
func (s *Redis) Ask(ctx context.Context, words ...string) (any, error) {
	c, err := DialRedis(ctx, s.Endpoint)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(ctx, words...)
}

// Info asks for a section of what the server says of itself.
func (s *Redis) Info(ctx context.Context, section string) (map[string]string, error) {
	text, err := s.Ask(ctx, "INFO", section)
	if err != nil {
		return nil, err
	}
	says := make(map[string]string)
	for line := range strings.Lines(fmt.Sprint(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			says[name] = value
		}
	}
	return says, nil
}

// Calls says how often a command was called, by the server's own count.
func (s *Redis) Calls(ctx context.Context, command string) (int64, error) {
	stats, err := s.Info(ctx, "commandstats")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(stats["cmdstat_"+command], ",")
	n, _ := strconv.ParseInt(strings.TrimPrefix(first, "calls="), 10, 64) // none: no call
	return n, nil
}

// settleBound is how long a replica may take to have what its primary has,
// milliseconds.
const settleBound = "5000"

// Settle waits until the replica has all that was written until now.
func (s *Redis) Settle(ctx context.Context) error {
	c, err := DialRedis(ctx, s.Endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	got, err := c.Pipe(ctx, []string{"SET", "settled", "1"}, []string{"WAIT", "1", settleBound})
	if err == nil && got[1] != int64(1) {
		err = fmt.Errorf("the replica did not catch up within %s ms: WAIT says %v", settleBound, got[1])
	}
	return err
}

// Setting asks for a line of the configuration that it runs with.
func (s *Redis) Setting(ctx context.Context, name string) (string, error) {
	answer, err := s.Ask(ctx, "CONFIG", "GET", name)
	if err != nil {
		return "", err
	}
	pair, ok := answer.([]any)
	if !ok || len(pair) != 2 {
		return "", fmt.Errorf("CONFIG GET %s: %v", name, answer)
	}
	return fmt.Sprint(pair[1]), nil
}

// Watch is the name under which sentinels know the primary.
const Watch = "primary"

// Sentinels starts n of Redis's watchmen over a primary, which it must have been
// silent to for a time before they agree that it is down. They are ready when
// all know the replica and each other.
func (r *Room) Sentinels(ctx context.Context, n int, of *Redis, downAfterMS int) ([]*Redis, error) {
	path, err := r.use(redisServer)
	if err != nil {
		return nil, err
	}
	var all []*Redis
	for i := range n {
		name := "sentinel-" + strconv.Itoa(i+1)
		dir, err := r.dir(name, false)
		if err != nil {
			return nil, err
		}
		free, err := port()
		if err != nil {
			return nil, err
		}
		s := &Redis{port: strconv.Itoa(free), Endpoint: net.JoinHostPort("127.0.0.1", strconv.Itoa(free))}
		conf := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %q\nsentinel monitor %s 127.0.0.1 %s %d\nsentinel down-after-milliseconds %s %d\n",
			s.port, dir, Watch, of.port, n/2+1, Watch, downAfterMS)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return nil, err
		}
		if s.Process, err = r.run(ctx, program{name: name, dir: dir, args: []string{path, conf, "--sentinel"}}); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	for _, s := range all {
		err := await(ctx, func(ctx context.Context) error { return s.watches(ctx, n) })
		if err != nil {
			return nil, fmt.Errorf("%s is not ready: %w", s.Name(), err)
		}
	}
	return all, nil
}

// watches says whether a sentinel knows the replica and its peers.
func (s *Redis) watches(ctx context.Context, n int) error {
	answer, err := s.Ask(ctx, "SENTINEL", "MASTER", Watch)
	if err != nil {
		return err
	}
	fields, _ := answer.([]any)
	known := make(map[string]string)
	for i := 0; i+1 < len(fields); i += 2 {
		known[fmt.Sprint(fields[i])] = fmt.Sprint(fields[i+1])
	}
	if known["num-slaves"] != "1" || known["num-other-sentinels"] != strconv.Itoa(n-1) {
		return fmt.Errorf("it knows %s replicas and %s other sentinels", known["num-slaves"], known["num-other-sentinels"])
	}
	return nil
}

// Primary asks a sentinel who the primary is.
func (s *Redis) Primary(ctx context.Context) (addr string, err error) {
	answer, err := s.Ask(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", Watch)
	if err != nil {
		return "", err
	}
	pair, ok := answer.([]any)
	if !ok || len(pair) != 2 {
		return "", errors.New("the sentinel knows no primary")
	}
	return net.JoinHostPort(fmt.Sprint(pair[0]), fmt.Sprint(pair[1])), nil
}
