package server_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// failure is a disk that fails a server at some write or sync.
type failure struct {
	point  string
	after  int
	victim security.Party
}

func failures() (all []failure) {
	for after := 1; after <= 24; after++ {
		for _, victim := range []security.Party{alpha, security.TheGateway} {
			for _, point := range []string{failpoint.DiskFull, failpoint.DiskFail} {
				// Few of them when time is short: in the start, and at a payment.
				if soaking() || point == failpoint.DiskFull && (after == 2 || after == 14) || point == failpoint.DiskFail && after == 9 && victim == alpha {
					all = append(all, failure{point, after, victim})
				}
			}
		}
	}
	return all
}

// A server that cannot write, or whose sync fails, ends and says why; what it had
// acknowledged is there when it is back with a disk that works, and nothing half
// done.
func TestFailingDisk(t *testing.T) {
	says := map[string]string{failpoint.DiskFull: "no space left on device", failpoint.DiskFail: "input/output error"}
	for _, f := range failures() {
		t.Run(fmt.Sprintf("%s %d %v", f.point, f.after, f.victim), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
			told := ""
			for _, p := range w.parties() {
				fail := ""
				if p == f.victim {
					fail = fmt.Sprintf("%s:%d", f.point, f.after)
				}
				if err := w.trySpawn(p, fail, "--prepare-timeout", "300ms"); err != nil {
					told = err.Error()
					w.spawn(p, "", "--prepare-timeout", "300ms")
				}
			}
			alice, bob := w.login(0), w.login(1)
			paid := 0
			for ; told == ""; paid++ { // until the disk fails, and then that payment too
				told = payAcross(t, w, f.victim, alice, bob, fmt.Sprint("key", paid))
			}
			if !strings.Contains(told, says[f.point]) || !strings.Contains(told, filepath.Join(f.victim.Identity(), "journal")) {
				t.Errorf("it ends with %q; want which file, and %q", told, says[f.point])
			}
			settles(t, alice, opening-int64(paid))
			settles(t, bob, opening+int64(paid))
			for _, p := range w.parties() {
				w.stop(p)
			}
			intact(t, w, paid)
		})
	}
}

// payAcross pays until that is done. A server that ends meanwhile is started again,
// with a disk that works; what it said is returned.
func payAcross(t *testing.T, w *world, victim security.Party, alice, bob *customer, key string) (told string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		select {
		case <-w.server(victim).gone:
			told = w.server(victim).said.String()
			w.spawn(victim, "", "--prepare-timeout", "300ms")
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := alice.pay(ctx, key, bob.made, 1)
		cancel()
		if err == nil {
			return told
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not paid: %v", key, err)
		}
	}
}
