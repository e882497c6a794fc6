package mapreduce_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
)

// A job of many slow map tasks, so that there is time to strike.
const disasterMaps, disasterReduces = 24, 3

type disaster struct {
	dir, out string
	want     string
	args     []string
}

func newDisaster(t *testing.T) *disaster {
	d := &disaster{dir: t.TempDir()}
	d.out = filepath.Join(d.dir, "out")
	var in strings.Builder
	for i := range disasterMaps * 10 {
		fmt.Fprintf(&in, "line-%03d\n", i)
		d.want += fmt.Sprintf("line-%03d 1\n", i)
	}
	file := filepath.Join(d.dir, write(t, d.dir, "in", in.String()))
	d.args = []string{
		"run", "sleepy", "--maps", fmt.Sprint(disasterMaps), "--reduces", fmt.Sprint(disasterReduces),
		"--workers", "3", "--out", d.out, "--json", file,
	}
	return d
}

// begin starts the job and returns once some of its map tasks are done.
func (d *disaster) begin(t *testing.T, more ...string) *command {
	t.Helper()
	c := dyno(t, d.dir, append(d.args, more...)...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var addr []byte
	await(t, "the master's address", func() (ok bool) {
		var err error
		addr, err = os.ReadFile(filepath.Join(d.out, ".dyno-mapreduce", "master"))
		return err == nil
	})
	conn, err := rpc.Dial(string(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := mapreducev1.NewMasterServiceClient(conn).WatchJob(t.Context(), &mapreducev1.WatchJobRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if r.GetSummary() != nil {
			t.Fatal("the job was over before anything could happen")
		}
		if r.GetStatus().GetMapsDone() >= disasterMaps/3 && len(r.GetStatus().GetWorkers()) == 3 {
			return c
		}
	}
}

func (d *disaster) check(t *testing.T) {
	t.Helper()
	if got := outputs(t, d.out, disasterReduces); got != d.want {
		t.Errorf("the output is\n%s\nwant\n%s", got, d.want)
	}
	nothingLeft(t, d.dir)
}

// worker is the number of one worker's process.
func (d *disaster) workers(t *testing.T) []int {
	t.Helper()
	pids := running(t, "worker", d.dir)
	if len(pids) != 3 {
		t.Fatalf("workers %v, want 3", pids)
	}
	return pids
}

func TestKilledWorker(t *testing.T) {
	for _, shuffle := range []string{"files", "stream"} {
		t.Run(shuffle, func(t *testing.T) {
			d := newDisaster(t)
			c := d.begin(t, "--shuffle", shuffle)
			kill(t, syscall.SIGKILL, d.workers(t)[1])
			r := c.report(t)
			if r.Lost != 1 || r.Reruns == 0 || shuffle == "files" && r.Reruns > 1 {
				t.Errorf("%d workers lost, %d tasks run again", r.Lost, r.Reruns)
			}
			d.check(t)
		})
	}
}

func TestStoppedWorker(t *testing.T) {
	d := newDisaster(t)
	c := d.begin(t)
	kill(t, syscall.SIGSTOP, d.workers(t)[1])
	if r := c.report(t); r.Reruns+r.Backups == 0 {
		t.Error("no task was tried a second time")
	}
	d.check(t)
}

// Finished tasks are not done again.
func TestKilledMaster(t *testing.T) {
	d := newDisaster(t)
	c := d.begin(t)
	kill(t, syscall.SIGKILL, running(t, "master", d.dir)...)
	if code := c.code(t); code != 1 || !strings.Contains(c.err.String(), "--resume") {
		t.Fatalf("exit status %d, %s", code, c.err.String())
	}
	nothingLeft(t, d.dir)
	if again := dyno(t, d.dir, d.args...); again.code(t) != 2 || !strings.Contains(again.err.String(), "--resume") {
		t.Errorf("an unfinished job was begun anew: %s", again.err.String())
	}
	other := append([]string{"run", "sleepy", "--reduces", "7", "--resume", "--out", d.out}, d.args[len(d.args)-1])
	if c := dyno(t, d.dir, other...); c.code(t) != 1 || !strings.Contains(c.err.String(), "another one") {
		t.Errorf("another job was resumed: %s", c.err.String())
	}
	d.resume(t)
}

// resume goes on, and sees that only what was not finished is done.
func (d *disaster) resume(t *testing.T) {
	t.Helper()
	r := must(t, d.dir, append(d.args[:len(d.args):len(d.args)], "--resume")...)
	if r.Resumed < disasterMaps/4 || r.Attempts != r.Maps+r.Reduces-r.Resumed+r.Backups {
		t.Errorf("%d tasks were finished before, and %d attempts made (%d backups) for %d maps and %d reduces", r.Resumed, r.Attempts, r.Backups, r.Maps, r.Reduces)
	}
	d.check(t)
}

func TestKilledRun(t *testing.T) {
	d := newDisaster(t)
	c := d.begin(t)
	kill(t, syscall.SIGKILL, c.Process.Pid)
	c.code(t)
	nothingLeft(t, d.dir)
	d.resume(t)
}

func TestNoWorkerLeft(t *testing.T) {
	d := newDisaster(t)
	c := d.begin(t)
	kill(t, syscall.SIGKILL, d.workers(t)...)
	if code := c.code(t); code != 1 || !strings.Contains(c.err.String(), "no worker is left") {
		t.Fatalf("exit status %d, %s", code, c.err.String())
	}
	nothingLeft(t, d.dir)
	d.resume(t)
}

func TestInterrupted(t *testing.T) {
	d := newDisaster(t)
	c := d.begin(t)
	kill(t, syscall.SIGINT, c.Process.Pid)
	if code := c.code(t); code != 130 || !strings.Contains(c.err.String(), "--resume") {
		t.Fatalf("exit status %d, %s", code, c.err.String())
	}
	nothingLeft(t, d.dir)
	d.resume(t)
}

// Of a job that is interrupted before anything was finished nothing is left; else it
// says how to go on.
func TestInterruptedEarly(t *testing.T) {
	d := newDisaster(t)
	c := dyno(t, d.dir, d.args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the master's address", func() bool {
		_, err := os.Stat(filepath.Join(d.out, ".dyno-mapreduce", "master"))
		return err == nil
	})
	kill(t, syscall.SIGINT, c.Process.Pid)
	code := c.code(t)
	_, left := os.Stat(d.out)
	if code != 130 || strings.Contains(c.err.String(), "--resume") != (left == nil) {
		t.Errorf("exit status %d, %s; its folder: %v", code, c.err.String(), left)
	}
	nothingLeft(t, d.dir)
}

// By hand: a master, workers that come and go, and a table of what they do.
func TestByHand(t *testing.T) {
	d := newDisaster(t)
	args := []string{"master", "--maps", "6", "--reduces", "2", "--out", d.out, "sleepy", d.args[len(d.args)-1]}
	master := dyno(t, d.dir, args...)
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	var addr []byte
	await(t, "the master's address", func() bool {
		var err error
		addr, err = os.ReadFile(filepath.Join(d.out, ".dyno-mapreduce", "master"))
		return err == nil
	})
	status := dyno(t, d.dir, "status", "--out", d.out)
	if status.code(t) != 0 || !strings.Contains(status.out.String(), "map 0/6, reduce 0/2") {
		t.Errorf("status: %s%s", status.out.String(), status.err.String())
	}
	worker := dyno(t, d.dir, "worker", "--master", string(addr))
	if code := worker.code(t); code != 0 {
		t.Errorf("worker: exit status %d, %s", code, worker.err.String())
	}
	if code := master.code(t); code != 0 {
		t.Errorf("master: exit status %d, %s", code, master.err.String())
	}
	if got := outputs(t, d.out, 2); got != d.want {
		t.Errorf("the output is\n%s", got)
	}
	left, err := filepath.Glob(filepath.Join(d.dir, "mr-*-*-*"))
	if err != nil || len(left) != 6*2 {
		t.Errorf("the worker's folder holds %d runs, want 6 × 2: %v", len(left), err)
	}
	nothingLeft(t, d.dir)
}

// A job may be over before who started it has begun to watch: its master waits.
func TestWatched(t *testing.T) {
	d := newDisaster(t)
	master := dyno(t, d.dir, "master", "--watched", "--maps", "1", "--out", d.out, "sleepy", d.args[len(d.args)-1])
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	address := filepath.Join(d.out, ".dyno-mapreduce", "master")
	await(t, "the master's address", func() bool { _, err := os.Stat(address); return err == nil })
	addr, err := os.ReadFile(address)
	if err != nil {
		t.Fatal(err)
	}
	if worker := dyno(t, d.dir, "worker", "--master", string(addr)); worker.code(t) != 0 {
		t.Error(worker.err.String())
	}
	status := dyno(t, d.dir, "status", "--master", string(addr))
	if status.code(t) != 0 || !strings.Contains(status.out.String(), "reduce 1/1") {
		t.Errorf("status: %s%s", status.out.String(), status.err.String())
	}
	if code := master.code(t); code != 0 {
		t.Errorf("master: exit status %d, %s", code, master.err.String())
	}
	nothingLeft(t, d.dir)
}
