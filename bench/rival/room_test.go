package rival

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dyno/bench/process"
	"dyno/bench/sample"
	"dyno/systems"
	"dyno/systems/systemtest"
)

// toy is a system of nothing but roles for others' programs.
var toy = &systems.System{
	Name: "toy", Commands: []systems.Command{hold},
	Roles: Roles("toy"),
}

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// room opens one for a test, or skips the test where software is missing.
func room(t *testing.T, err error) (*Room, context.Context) {
	t.Helper()
	if errors.As(err, new(*systems.AbsentError)) {
		t.Skip(err)
	}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: toy, Dir: t.TempDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r, err := Open(g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(r.scratch.Path); err == nil {
			t.Errorf("%s is still there", r.scratch.Path)
		}
	})
	return r, ctx
}

// What one server is told the other knows; a connection that is refused, a wrong
// type and a missing key are what they are.
func TestRedisPair(t *testing.T) {
	_, err := redisServer.Find()
	r, ctx := room(t, err)
	primary, err := r.Redis(ctx, "primary", RedisOptions{Fsync: "always"})
	if err != nil {
		t.Fatal(err)
	}
	replica, err := r.Redis(ctx, "replica", RedisOptions{Fsync: "always", Of: primary})
	if err != nil {
		t.Fatal(err)
	}
	// Before its first receipt a replica is online with nothing, for up to a second.
	if says, err := primary.Info(ctx, "replication"); err != nil || strings.Contains(says["slave0"], "offset=0,") {
		t.Errorf("ready without a receipt: %q, %v", says["slave0"], err)
	}
	if n, err := primary.Calls(ctx, "wait"); n != 0 || err != nil {
		t.Errorf("%d receipts are counted before anybody wrote, %v", n, err)
	}
	c, err := DialRedis(ctx, primary.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Pipe(ctx, []string{"INCRBY", "a", "7"}, []string{"WAIT", "1", "0"}, []string{"GET", "none"}, []string{"LPUSH", "a", "1"}, []string{"MGET", "a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	list, _ := got[4].([]any)
	if no, ok := got[3].(RedisError); got[0] != int64(7) || got[1] != int64(1) || got[2] != nil || !ok || no == "" || len(list) != 2 || list[0] != "7" || list[1] != nil {
		t.Errorf("answers %v", got)
	}
	if v, err := replica.Ask(ctx, "GET", "a"); v != "7" || err != nil {
		t.Errorf("the replica has %v, %v", v, err)
	}
	if v, err := replica.Setting(ctx, "appendfsync"); v != "always" || err != nil {
		t.Errorf("appendfsync %q, %v", v, err)
	}
	if _, err := replica.Ask(ctx, "SET", "a", "1"); !errors.As(err, new(RedisError)) {
		t.Errorf("a replica takes writes: %v", err)
	}
}

// Two clusters of files that are kept are told apart, one of them is killed and started
// again. Who comes later copies those files too, and they go with the last who keeps them.
func TestPostgres(t *testing.T) {
	_, err := postgres.Find()
	r, ctx := room(t, err)
	forget, again := Keep(), Keep()
	defer func() {
		if from, err := r.initial(ctx, "a folder without initdb", ""); from != pristine.data || err != nil {
			t.Errorf("later ones copy %q, %v; want %s", from, err, pristine.data)
		}
		if err := errors.Join(forget(), again()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(pristine.data); err == nil {
			t.Errorf("%s is still there", pristine.data)
		}
	}()
	pgs, err := r.Postgres(ctx, []string{"max_prepared_transactions=10"}, "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range pgs {
		if _, err := s.Query(ctx, "create table t(n int); insert into t values ("+string(rune('1'+i))+"); begin; insert into t values (5); prepare transaction 'x'"); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(pgs[0].Kill(), pgs[0].Revive(ctx)); err != nil {
		t.Fatal(err)
	}
	for i, s := range pgs {
		got, err := s.Query(ctx, "select sum(n) from t; select count(*) from pg_prepared_xacts")
		if want := string(rune('1'+i)) + "\n1"; got != want || err != nil {
			t.Errorf("cluster %d: %q, %v", i, got, err)
		}
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "data", "postmaster.pid")); err == nil {
			t.Error("its end was not orderly")
		}
	}
	if _, err := pgs[0].Query(ctx, "nonsense"); err == nil {
		t.Error("a server that is stopped answers")
	}
}

// A cluster that is paused answers nobody, not even a client that it has.
func TestPausedPostgres(t *testing.T) {
	_, err := postgres.Find()
	r, ctx := room(t, err)
	pgs, err := r.Postgres(ctx, nil, "one")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() {
		_, err := pgs[0].Query(ctx, "select 1")
		asked <- err
	}()
	if err := pgs[0].Pause(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range sample.Children(pgs[0].PID()) {
		for { // until it has been told: nobody tells when
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if err != nil || strings.Contains(string(stat), ") T ") || strings.Contains(string(stat), ") Z ") {
				break
			}
			if t.Context().Err() != nil {
				t.Fatalf("it goes on: %s", stat)
			}
		}
	}
	if err := errors.Join(pgs[0].Resume(), <-asked, pgs[0].Ready(ctx), pgs[0].Halt(ctx)); err != nil {
		t.Error(err)
	}
}
