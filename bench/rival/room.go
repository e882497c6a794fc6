package rival

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dyno/bench/process"
	"dyno/internal/backoff"
	"dyno/systems"
)

// Room is where the servers of one trial live: their data and who they run as.
type Room struct {
	bench   systems.Bench
	scratch *process.Dir
	uid     int // as whom a server runs that refuses to be root; -1: as us
	gid     int

	mu      sync.Mutex // guards servers
	servers []systems.Process
	used    []string // packages, with their versions
	data    []string // folders of PostgreSQL's clusters
}

const scratchPrefix = "dyno-rival"

// Open makes a room. The data lies in the system's temporary folder, where also
// another user can reach it; what a dyno that was killed leaves there, the next
// one removes.
func Open(b systems.Bench) (*Room, error) {
	if err := systems.OneMachine(b, "has servers that others wrote"); err != nil {
		return nil, err
	}
	r := &Room{bench: b, uid: -1, gid: -1}
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return nil, fmt.Errorf("root needs a user nobody for PostgreSQL: %w", err)
		}
		r.uid, _ = strconv.Atoi(nobody.Uid) // they are numbers on Unix
		r.gid, _ = strconv.Atoi(nobody.Gid)
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"-*", "*", "data")) // the pattern is well formed
	for _, data := range left {
		forget(data)
	}
	var err error
	r.scratch, err = passable(scratchPrefix)
	return r, err
}

// passable is a temporary folder that nobody may pass, who reads nothing of others in it.
func passable(prefix string) (*process.Dir, error) {
	dir, err := process.Scratch(prefix)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir.Path, 0o711); err != nil {
		return nil, errors.Join(err, dir.Release())
	}
	return dir, nil
}

// Close ends the servers and removes their data.
func (r *Room) Close() error {
	for _, p := range r.servers {
		_ = p.Kill() // most have ended
	}
	for _, data := range r.data {
		forget(data)
	}
	return r.scratch.Release()
}

// Dir makes a folder for one server, which whoever it runs as owns.
func (r *Room) dir(name string, other bool) (string, error) {
	return r.dirIn(r.scratch, name, other)
}

func (r *Room) dirIn(where *process.Dir, name string, other bool) (string, error) {
	path := filepath.Join(where.Path, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", err
	}
	if other && r.uid >= 0 {
		return path, os.Chown(path, r.uid, r.gid)
	}
	return path, nil
}

// use finds a program, and notes that the trial rests on it.
func (r *Room) use(s Software) (path string, err error) {
	if path, err = s.Find(); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := s.Version(); !slices.Contains(r.used, v) {
		r.used = append(r.used, v)
	}
	return path, nil
}

// Version names the packages whose programs were started, with their versions.
func (r *Room) Version() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.used, ", ")
}

// program is what a server's process becomes.
type program struct {
	name   string
	dir    string
	other  bool // it refuses to be root
	spawns bool // it starts others and waits for them
	// its end is noticed by whoever talks to it, and it may end before it is ready
	expendable bool
	args       []string
	ready      func(context.Context) error
}

// start runs a server until it is ready.
func (r *Room) start(ctx context.Context, p program) (systems.Process, error) {
	proc, err := r.run(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := await(ctx, p.ready); err != nil {
		return nil, fmt.Errorf("%s is not ready: %w", p.name, err)
	}
	return proc, nil
}

func (r *Room) run(ctx context.Context, p program) (systems.Process, error) {
	args := []string{"--dir", p.dir}
	if p.other && r.uid >= 0 {
		args = append(args, "--uid", strconv.Itoa(r.uid), "--gid", strconv.Itoa(r.gid))
	}
	proc, err := r.bench.Start(ctx, systems.Launch{
		Role: RoleServer, Name: p.name, Args: append(append(args, "--"), p.args...), Spawns: p.spawns,
		Expendable: p.expendable, CPUs: runtime.NumCPU(),
	})
	if err == nil {
		r.mu.Lock()
		r.servers = append(r.servers, proc)
		r.mu.Unlock()
	}
	return proc, err
}

const (
	readyBound = 15 * time.Second
	readyPause = 5 * time.Millisecond
)

// await asks until there is no error.
func await(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyBound)
	defer cancel()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if err := backoff.Sleep(ctx, readyPause); err != nil {
			return errors.Join(err, last)
		}
	}
}

// The ports that servers get: below those that the kernel gives to clients, so
// that none of these takes one between our look and the server's.
const (
	lowPort  = 15_000
	highPort = 30_000
)

// port finds one that is free. Servers that others wrote cannot be told to choose.
func port() (int, error) {
	var last error
	for range 100 {
		n := lowPort + rand.IntN(highPort-lowPort)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(n))
		if err == nil {
			return n, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("no port is free: %w", last)
}
