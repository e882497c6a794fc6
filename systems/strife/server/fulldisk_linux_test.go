package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// smallDisk makes a folder that is a small disk of its own, with a little more
// room than servers want to be free.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=80m")
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("a small disk can be mounted by root only")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill writes until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	for zeros := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(zeros)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// full pays until that is refused for want of room, counts what is paid before,
// and returns the key of what is not.
func full(t *testing.T, alice, bob *customer, paid *int64) (key string) {
	t.Helper()
	begin := time.Now()
	for n := 0; ; n++ {
		key = fmt.Sprintf("full-%d-%d", begin.UnixNano(), n)
		err := errors.New("not asked")
		for err != nil { // what has no end may be paid yet
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_, err = alice.pay(ctx, key, bob.made, 1, grpc.WaitForReady(true))
			cancel()
			if err != nil && strings.Contains(err.Error(), "disk") {
				if c := status.Code(err); c != codes.Aborted && c != codes.Unavailable {
					t.Errorf("a full disk is told as %v", err)
				}
				return key
			}
			if time.Since(begin) > patience {
				t.Fatalf("a full disk is no reason to refuse: %v", err)
			}
		}
		*paid++
		time.Sleep(20 * time.Millisecond) // between questions
	}
}

// A disk that is really full stops new payments, not servers: they say so, they
// start, they answer, and when there is room again, the same payment is made.
func TestFullDisk(t *testing.T) {
	for _, victim := range []security.Party{alpha, security.TheGateway} {
		t.Run(victim.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
			small := filepath.Dir(w.dir.Journal(victim))
			smallDisk(t, small)
			w.compact = map[security.Party]int{victim: 1000}
			for _, p := range w.parties() {
				w.spawn(p, "")
			}
			alice, bob := w.login(0), w.login(1)
			if _, err := alice.pay(within(t), "before", bob.made, 1); err != nil {
				t.Fatal(err)
			}
			paid := int64(1)
			fill(t, filepath.Join(small, "ballast"))
			refused := full(t, alice, bob, &paid)
			if _, err := alice.pay(within(t), "before", bob.made, 1); err != nil {
				t.Errorf("what was paid is not told: %v", err)
			}
			w.stop(victim)
			w.spawn(victim, "") // on the full disk
			settles(t, alice, opening-paid)
			full(t, alice, bob, &paid)
			if err := os.Remove(filepath.Join(small, "ballast")); err != nil {
				t.Fatal(err)
			}
			var err error
			for err = errors.New("not asked"); err != nil && !(answer{err: err}).final(); {
				_, err = alice.pay(within(t), refused, bob.made, 1, grpc.WaitForReady(true))
			}
			if err != nil {
				t.Errorf("with room again: %v", err)
			}
			settles(t, alice, opening-paid-1)
			settles(t, bob, opening+paid+1)
			for _, p := range w.parties() {
				w.stop(p)
			}
			intact(t, w, int(paid)+1)
		})
	}
}
