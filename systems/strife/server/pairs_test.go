package server_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// triple is where each of the three servers dies, if it gets there.
type triple struct {
	gateway, alpha, beta string
	down                 time.Duration
}

// triples has every two points of different servers in one of them at least.
func triples() (all []triple) {
	var gateways, banks []string
	for _, p := range failpoint.All {
		switch {
		case p == failpoint.Recovering || p == failpoint.AfterDecline: // a payment that is paid never gets there
		case strings.HasPrefix(p, "gateway"):
			gateways = append(gateways, p)
		default:
			banks = append(banks, p)
		}
	}
	for i, g := range gateways {
		for j, a := range banks {
			down := time.Duration((i+j)%2) * away
			all = append(all, triple{g, a, banks[(i+j)%len(banks)], down})
		}
	}
	return all
}

// The triples are as good as they claim to be.
func TestTriplesHavePairs(t *testing.T) {
	all := triples()
	for _, x := range all {
		for _, y := range all {
			for what, found := range map[string]bool{
				x.gateway + " with alpha's " + y.alpha: slices.ContainsFunc(all, func(z triple) bool { return z.gateway == x.gateway && z.alpha == y.alpha }),
				x.gateway + " with beta's " + y.beta:   slices.ContainsFunc(all, func(z triple) bool { return z.gateway == x.gateway && z.beta == y.beta }),
				x.alpha + " with beta's " + y.beta:     slices.ContainsFunc(all, func(z triple) bool { return z.alpha == x.alpha && z.beta == y.beta }),
			} {
				if !found {
					t.Error("no triple has", what)
				}
			}
		}
	}
}

// B2 of the fault matrix: gateway and both banks die, each at its point, during
// one payment; started again, at once or after a while, they have made it once.
func TestKilledTogether(t *testing.T) {
	for i, c := range triples() {
		if !soaking() && i%18 != 3 {
			continue
		}
		t.Run(fmt.Sprintf("%s, %s, %s, %v", c.gateway, c.alpha, c.beta, c.down), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
			var revived sync.WaitGroup
			over := make(chan struct{})
			for p, point := range map[security.Party]string{alpha: c.alpha, beta: c.beta, security.TheGateway: c.gateway} {
				w.spawn(p, point+":1", "--prepare-timeout", "300ms")
				revived.Go(func() { w.revive(p, c.down, over) })
			}
			alice, bob := w.login(0), w.login(1)
			a := insist(t, alice, bob.made, 10)
			if a.err != nil {
				t.Errorf("it ends with %v", a.err)
			}
			settles(t, alice, opening-10)
			settles(t, bob, opening+10)
			close(over)
			revived.Wait()
			for _, p := range w.parties() {
				w.stop(p)
			}
			intact(t, w, 1)
		})
	}
}

// revive starts a server again once it has died; until then, or until it is over.
func (w *world) revive(p security.Party, down time.Duration, over <-chan struct{}) {
	select {
	case <-w.server(p).gone:
		time.Sleep(down) // this is the fault, and no wait for anything
		if err := w.trySpawn(p, "", "--prepare-timeout", "300ms"); err != nil {
			w.Error(err)
		}
	case <-over:
	}
}
