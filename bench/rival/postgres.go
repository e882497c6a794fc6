package rival

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"dyno/bench/process"
	"dyno/bench/sample"
	"dyno/systems"
)

// Postgres is a running cluster.
type Postgres struct {
	systems.Process
	Endpoint string
	bin      string
	dir      string
}

// baseline is what all clusters run with. Everything else is PostgreSQL's default:
// fsync, full_page_writes and synchronous_commit are on.
var baseline = []string{
	"listen_addresses=127.0.0.1", "unix_socket_directories=", "dynamic_shared_memory_type=mmap",
	"max_connections=300", "log_checkpoints=off", "logging_collector=off",
}

// pristine are the files of a new cluster, which rooms copy while somebody keeps them:
// initdb takes most of the start of a cluster, and always makes the same.
var pristine struct {
	sync.Mutex
	keepers int
	scratch *process.Dir // nil: not made yet
	data    string
}

// Keep lets rooms share what is the same for all of them, until forget.
func Keep() (forget func() error) {
	pristine.Lock()
	defer pristine.Unlock()
	pristine.keepers++
	return func() (err error) {
		pristine.Lock()
		defer pristine.Unlock()
		if pristine.keepers--; pristine.keepers == 0 && pristine.scratch != nil {
			err, pristine.scratch = pristine.scratch.Release(), nil
		}
		return err
	}
}

// initial says where the files of a new cluster lie: in a folder, where it makes them,
// or where they are kept.
func (r *Room) initial(ctx context.Context, bin, dir string) (data string, err error) {
	pristine.Lock()
	defer pristine.Unlock()
	if pristine.keepers == 0 {
		return r.initdb(ctx, bin, dir)
	}
	if pristine.scratch != nil {
		return pristine.data, nil
	}
	scratch, err := passable("dyno-cluster")
	if err != nil {
		return "", err
	}
	if dir, err = r.dirIn(scratch, "new", true); err == nil {
		pristine.data, err = r.initdb(ctx, bin, dir)
	}
	if err != nil {
		return "", errors.Join(err, scratch.Release())
	}
	pristine.scratch = scratch
	return pristine.data, nil
}

// initdb makes the files of a new cluster in a folder. They are not synced: they need
// not survive a loss of power, they are for trials.
func (r *Room) initdb(ctx context.Context, bin, dir string) (data string, err error) {
	data = filepath.Join(dir, "data")
	return data, r.help(ctx, "initdb", dir, filepath.Join(bin, "initdb"), "-D", data, "-U", "dyno", "-A", "trust", "-E", "UTF8",
		"--no-locale", "--no-sync", "--no-instructions")
}

// files makes the files of n new clusters, which are all the same.
func (r *Room) files(ctx context.Context, bin string, names []string) ([]string, error) {
	var dirs []string
	for _, name := range names {
		dir, err := r.dir(name, true)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
		r.data = append(r.data, filepath.Join(dir, "data"))
	}
	from, err := r.initial(ctx, bin, dirs[0])
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(dirs))
	var copying sync.WaitGroup
	for i, dir := range dirs {
		if data := filepath.Join(dir, "data"); data != from {
			copying.Go(func() { errs[i] = r.help(ctx, "copy-"+filepath.Base(dir), dir, "cp", "-a", from, data) })
		}
	}
	copying.Wait()
	return dirs, errors.Join(errs...)
}

// help lets a program do its work as whoever the servers run as.
func (r *Room) help(ctx context.Context, name, dir string, args ...string) error {
	p, err := r.run(ctx, program{name: name, dir: dir, other: true, spawns: true, args: args})
	if err != nil {
		return err
	}
	_, err = p.Wait(ctx)
	return err
}

// Postgres makes and starts clusters of some names, with settings NAME=VALUE beside
// PostgreSQL's defaults.
func (r *Room) Postgres(ctx context.Context, settings []string, names ...string) ([]*Postgres, error) {
	path, err := r.use(postgres)
	if err != nil {
		return nil, err
	}
	bin := filepath.Dir(path)
	dirs, err := r.files(ctx, bin, names)
	if err != nil {
		return nil, err
	}
	all, errs := make([]*Postgres, len(names)), make([]error, len(names))
	var starting sync.WaitGroup
	for i, name := range names {
		starting.Go(func() { all[i], errs[i] = r.cluster(ctx, bin, name, dirs[i], settings) })
	}
	starting.Wait()
	return all, errors.Join(errs...)
}

// Pair makes a primary and a hot standby that streams from it.
func (r *Room) Pair(ctx context.Context, settings ...string) (primary, standby *Postgres, err error) {
	path, err := r.use(postgres)
	if err != nil {
		return nil, nil, err
	}
	bin := filepath.Dir(path)
	// Both begin with the same files, and the primary keeps what the standby needs.
	dirs, err := r.files(ctx, bin, []string{"pg-primary", "pg-standby"})
	if err != nil {
		return nil, nil, err
	}
	primary, err = r.cluster(ctx, bin, "pg-primary", dirs[0], append(settings, "wal_keep_size=1GB", "synchronous_standby_names=*"))
	if err != nil {
		return nil, nil, err
	}
	mark := filepath.Join(dirs[1], "data", "standby.signal")
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		return nil, nil, err
	}
	host, port, _ := strings.Cut(primary.Endpoint, ":")
	standby, err = r.cluster(ctx, bin, "pg-standby", dirs[1],
		append(settings, fmt.Sprintf("primary_conninfo=host=%s port=%s user=dyno application_name=standby", host, port)))
	if err != nil {
		return nil, nil, err
	}
	return primary, standby, await(ctx, func(ctx context.Context) error {
		state, err := primary.Query(ctx, "select sync_state from pg_stat_replication")
		if err == nil && state != "sync" {
			err = fmt.Errorf("the standby is %q", state)
		}
		return err
	})
}

func (r *Room) cluster(ctx context.Context, bin, name, dir string, settings []string) (*Postgres, error) {
	n, err := port()
	if err != nil {
		return nil, err
	}
	s := &Postgres{Endpoint: "127.0.0.1:" + strconv.Itoa(n), bin: bin, dir: dir}
	args := []string{filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"), "-c", "port=" + strconv.Itoa(n)}
	for _, set := range append(append([]string(nil), baseline...), settings...) {
		args = append(args, "-c", set)
	}
	s.Process, err = r.start(ctx, program{
		name: name, dir: dir, other: true, spawns: true, expendable: true, args: args, ready: s.Ready,
	})
	return s, err
}

// Revive starts a cluster again that was killed. The first attempts may fail,
// while processes of the life before still end.
func (s *Postgres) Revive(ctx context.Context) error {
	if err := s.Restart(ctx); err != nil {
		return err
	}
	return await(ctx, func(ctx context.Context) error {
		err := s.Ready(ctx)
		if err != nil {
			_ = s.Restart(ctx) // refused while it runs
		}
		return err
	})
}

// Pause stops the cluster: the first process, which then starts no other, and all
// that it has started, which serve its clients without it.
func (s *Postgres) Pause() error {
	return errors.Join(s.Process.Pause(), s.family(syscall.SIGSTOP))
}

// Resume lets it go on, whoever serves clients first.
func (s *Postgres) Resume() error {
	return errors.Join(s.family(syscall.SIGCONT), s.Process.Resume())
}

// family sends a signal to the processes that the first one started.
func (s *Postgres) family(sig syscall.Signal) (err error) {
	for _, pid := range sample.Children(s.PID()) {
		if one := syscall.Kill(pid, sig); !errors.Is(one, syscall.ESRCH) { // it may have ended
			err = errors.Join(err, one)
		}
	}
	return err
}

// CatchUp waits until a standby has applied all that its primary has now.
func (s *Postgres) CatchUp(ctx context.Context, primary *Postgres) error {
	until, err := primary.Query(ctx, "SELECT pg_current_wal_insert_lsn()")
	if err != nil {
		return err
	}
	return await(ctx, func(ctx context.Context) error {
		has, err := s.Query(ctx, "SELECT pg_last_wal_replay_lsn() >= '"+until+"'")
		if err == nil && has != "t" {
			err = fmt.Errorf("%s has not applied %s", s.Name(), until)
		}
		return err
	})
}

// Ready says whether it answers a query.
func (s *Postgres) Ready(ctx context.Context) error {
	_, err := s.Query(ctx, "select 1")
	return err
}

// Halt ends the cluster at once, and in order (SIGQUIT): nothing of it is left, and
// nothing is written that nobody will read. Stop would first bring its files up to
// date.
func (s *Postgres) Halt(ctx context.Context) error {
	if err := syscall.Kill(s.PID(), syscall.SIGQUIT); err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	_, _ = s.Wait(ctx) // its status is how it was asked to end
	return ctx.Err()
}

// Query runs SQL in one transaction per statement, and returns what the last one answers:
// lines of columns that are separated by a bar.
func (s *Postgres) Query(ctx context.Context, sql string) (string, error) {
	host, port, _ := strings.Cut(s.Endpoint, ":")
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-h", host, "-p", port, "-U", "dyno", "-d", "postgres", "-f", "-")
	cmd.Stdin = strings.NewReader(sql)
	var says strings.Builder
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		return "", errors.Join(fmt.Errorf("%s: %w", s.Endpoint, err), errors.New(strings.TrimSpace(says.String())))
	}
	return strings.TrimSpace(string(out)), nil
}
