package server_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v3/process"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/internal/journal"
	"dyno/internal/record"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/books"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/gateway"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
)

const rich = 1_000_000_000

func plan(users int) site.Plan { return site.Plan{Banks: 2, Users: users, Balance: rich, Same: true} }

// intact audits what lies in a folder whose servers have stopped, or were killed:
// that a bank has aborted need not be on its disk.
func intact(t *testing.T, w *world, paid int) {
	t.Helper()
	b, err := books.Read(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range check.Checks(b.Evidence) {
		if c.Status == record.Invalid {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	if got := b.Count(coordinator.Paid); got != paid {
		t.Errorf("%d are paid, want %d", got, paid)
	}
}

// Servers with many finished payments start, remember each of them, and replace
// the records by snapshots while payments go on. DYNO_PAYMENTS says how many; from
// a million on the bounds on time and memory hold, on a machine that does nothing
// else.
func TestManyFinishedPayments(t *testing.T) {
	payments, _ := strconv.Atoi(cmp.Or(os.Getenv("DYNO_PAYMENTS"), "3000"))
	bounded := payments >= 1_000_000
	w := newWorld(t, plan(16))
	empty := newWorld(t, plan(16))
	w.live(payments)
	w.compactSoon(300)
	base := map[security.Party]int64{}
	for _, p := range w.parties() {
		empty.spawn(p, "")
		began := time.Now()
		w.spawn(p, "")
		took := time.Since(began)
		base[p] = empty.resident(p)
		perPayment := float64(w.resident(p)-base[p]) / float64(payments)
		cpu := w.processor(p)
		t.Logf("%-10v serves after %v, of processor time %v, with %.0f bytes of resident memory and %.0f on disk a payment more than without them",
			p, took.Round(time.Millisecond), cpu, perPayment, float64(w.onDisk(p))/float64(payments))
		if bounded && min(took, cpu) > 5*time.Second {
			t.Errorf("%v takes %v to start, and %v of a processor; want at most 5 s", p, took, cpu)
		}
		empty.stop(p)
	}
	users := make([]*customer, 8)
	for i := range users {
		users[i] = w.login(i)
	}
	remembers(t, w, users[0], payments)
	busy := w.pay(users, "during", w.compacted)
	calm := w.pay(users, "after", after(max(busy.took, 20*time.Millisecond)))
	t.Logf("with snapshots in the making %v; without %v", busy, calm)
	if most := max(50*time.Millisecond, 2*calm.silence); bounded && busy.silence > most {
		t.Errorf("nobody's payment was answered for %v; want at most %v", busy.silence, most)
	}
	for _, p := range w.parties() {
		w.stop(p) // kill -9, of what has been compacted
		w.spawn(p, "")
		t.Logf("%-10v has %.0f bytes of resident memory a payment after a start from the snapshot", p,
			float64(w.resident(p)-base[p])/float64(payments))
	}
	remembers(t, w, users[0], payments)
	w.quiet(t, users[0])
	for _, p := range w.parties() {
		w.stop(p)
	}
	intact(t, w, payments+busy.paid+calm.paid)
}

// remembers asks again for payments of the first user's past.
func remembers(t *testing.T, w *world, u *customer, payments int) {
	t.Helper()
	all := len(w.made.Users)
	for _, n := range []int{0, payments / all / 2 * all, (payments - 1) / all * all} {
		var header metadata.MD
		got, err := u.pay(within(t), pastKey(n), w.made.Users[1], 1, grpc.Header(&header), grpc.WaitForReady(true))
		if err != nil || got.GetId() != fmt.Sprintf("1.1.%d", n+1) || len(header.Get(gateway.Replayed)) == 0 {
			t.Errorf("payment %d again: %v, %v, %v", n, got, header, err)
		}
	}
}

// quiet waits until no money of a user is held.
func (w *world) quiet(t *testing.T, u *customer) {
	t.Helper()
	admin := w.loginAs(w.made.Admin)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // between questions
		n := 0
		for _, b := range w.made.Banks {
			resp, err := v1.NewAdminServiceClient(admin.conn).ListInDoubt(admin.context(within(t)), &v1.ListInDoubtRequest{Bank: b})
			if n += len(resp.GetDoubts()); err != nil {
				n++
			}
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d are still in doubt", n)
		}
	}
}

// paying is how payments went for a while.
type paying struct {
	paid    int
	took    time.Duration
	silence time.Duration // longest time without an answer to anybody
	longest time.Duration // payment
}

func (p paying) String() string {
	return fmt.Sprintf("%d payments in %v, none for %v at most, the longest took %v",
		p.paid, p.took.Round(time.Millisecond), p.silence.Round(10*time.Microsecond), p.longest.Round(10*time.Microsecond))
}

// after is over so long after it was first asked.
func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

// pay has users pay, each one payment after the other, until it is over.
func (w *world) pay(users []*customer, key string, over func() bool) (p paying) {
	var mu sync.Mutex
	var ends []time.Duration
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	for i, u := range users {
		all.Go(func() {
			for n := 0; ctx.Err() == nil && !over(); n++ {
				begin := time.Now()
				if _, err := u.pay(ctx, fmt.Sprintf("%s-%d", key, n), w.made.Users[(i+1)%len(w.made.Users)], 1); err != nil {
					w.Errorf("%s: %v", u.made.User, err)
					return
				}
				mu.Lock()
				ends = append(ends, time.Since(began))
				p.longest = max(p.longest, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if p.took = time.Since(began); ctx.Err() != nil {
		w.Errorf("%s was not over after %v", key, patience)
	}
	slices.Sort(ends)
	p.paid = len(ends)
	for i := 1; i < len(ends); i++ {
		p.silence = max(p.silence, ends[i]-ends[i-1])
	}
	return p
}

// compactSoon has each server compact when it has written some more records than
// there are.
func (w *world) compactSoon(more int) {
	w.compact = map[security.Party]int{}
	for _, p := range w.parties() {
		r, err := journal.Scan(w.dir.Journal(p), journal.Options{Identity: server.Identity(p, "journal")}, func(journal.Entry) error { return nil })
		if err != nil {
			w.Fatal(err)
		}
		w.compact[p] = r.Records + more
	}
}

// compacted reports whether every journal has a snapshot.
func (w *world) compacted() bool {
	for _, p := range w.parties() {
		if found, _ := filepath.Glob(filepath.Join(w.dir.Journal(p), "*.snapshot")); len(found) == 0 {
			return false
		}
	}
	return true
}

// onDisk is how many bytes a journal has.
func (w *world) onDisk(p security.Party) (n int64) {
	files, err := os.ReadDir(w.dir.Journal(p))
	for _, f := range files {
		if info, e := f.Info(); e == nil {
			n += info.Size()
		}
	}
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// processor is the time of a processor that a server's process has used; 0 where
// nobody says.
func (w *world) processor(p security.Party) time.Duration {
	x, err := process.NewProcess(int32(w.server(p).pid))
	if err != nil {
		return 0
	}
	used, err := x.Times()
	if err != nil {
		return 0
	}
	return time.Duration((used.User + used.System) * float64(time.Second))
}

// resident is the memory that a server's process has, in bytes; 0 where nobody
// says.
func (w *world) resident(p security.Party) int64 {
	x, err := process.NewProcess(int32(w.server(p).pid))
	if err != nil {
		return 0
	}
	m, err := x.MemoryInfo()
	if err != nil {
		return 0
	}
	return int64(m.RSS)
}
