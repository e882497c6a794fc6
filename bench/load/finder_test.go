package load_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"dyno/bench/load"
)

// finder is what the search is to its driver, so that a wrong one can take its
// place.
type finder interface {
	Next() (rate float64, ok bool)
	Tell(load.Probe)
	Knee() load.Knee
}

// server answers a probe; n counts them from 0.
type server func(n int, rate float64) load.Probe

// crisp holds every rate up to its knee.
func crisp(knee float64) server {
	return func(_ int, rate float64) load.Probe { return probed(rate, rate <= knee) }
}

// noisy is wrong more often the nearer a rate is to the knee: one in two at
// the knee itself, one in six when it is off by the width, and so on.
func noisy(knee, width float64, seed uint64) server {
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(_ int, rate float64) load.Probe {
		p := 1 / (1 + math.Exp(math.Log(5)*math.Log(rate/knee)/math.Log1p(width)))
		return probed(rate, rng.Float64() < p)
	}
}

// disturbed gives the wrong answer to one probe.
func disturbed(knee float64, which int) server {
	return func(n int, rate float64) load.Probe { return probed(rate, (rate <= knee) != (n == which)) }
}

func probed(rate float64, held bool) load.Probe {
	p := load.Probe{Rate: rate, Offered: 1000, InTime: 995, Prompt: 995, Took: time.Second}
	if !held {
		p.InTime, p.Prompt = 400, 400
	}
	return p
}

func seek(f finder, s server) load.Knee {
	for n := range 10 * load.MaxProbes {
		rate, ok := f.Next()
		if !ok {
			return f.Knee()
		}
		f.Tell(s(n, rate))
	}
	return load.Knee{Held: -1}
}

var wide = load.Goal{Below: 100 * time.Millisecond, From: 10, To: 10_000}

// searchSuite says what is wrong with a search; each clause by its name.
func searchSuite(make func(load.Goal) finder) (wrong []string) {
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	inside := func(k load.Knee, knee float64) bool { return k.Held == k.Low && k.Low <= knee && knee < k.High }
	narrow := func(k load.Knee) bool { return k.Settled && k.High <= 1.0501*k.Low }
	for _, knee := range []float64{10, 11, 123, 1000, 4321, 9999} {
		k := seek(make(wide), crisp(knee))
		expect(inside(k, knee) && narrow(k), "crisp: knee %v, found %v in %v to %v, settled %v", knee, k.Held, k.Low, k.High, k.Settled)
		expect(len(k.Probes) <= 14, "economy: %d probes without noise", len(k.Probes))
		expect(votes(k, k.Low) >= 2 && votes(k, k.High) <= -2, "evidence: %+d votes for the lower end, %+d for the upper one", votes(k, k.Low), votes(k, k.High))
		for which := range 12 {
			k := seek(make(wide), disturbed(knee, which))
			expect(knee == 10 || inside(k, knee) || !k.Settled && k.Low <= knee && (knee <= k.High || k.High == 0), "disturbed: knee %v, probe %d wrong, found %v in %v to %v", knee, which, k.Held, k.Low, k.High)
		}
	}
	k := seek(make(wide), crisp(9))
	expect(k.Settled && k.Held == 0 && k.Low == 0 && k.High == 10 && votes(k, 10) <= -2, "below: %+v", k)
	k = seek(make(wide), crisp(1e6))
	expect(k.Settled && k.Held == 10_000 && k.High == 0 && votes(k, 10_000) >= 2, "above: %+v", k)
	wrong = append(wrong, noiseSuite(make)...)
	return append(wrong, limitSuite(make)...)
}

// noiseSuite: where one probe in six is wrong 5 % away from the knee, the answers
// scatter around it by no more than that, and half of the brackets have it.
func noiseSuite(make func(load.Goal) finder) (wrong []string) {
	const runs, knee = 300, 1000.0
	var inside, settled, probes int
	var off float64
	for seed := range uint64(runs) {
		k := seek(make(wide), noisy(knee, 0.05, seed))
		probes += len(k.Probes)
		if k.Low <= knee && knee <= k.High {
			inside++
		}
		if k.Settled {
			settled++
		}
		off += math.Abs(math.Log(k.Held/knee)) / runs
	}
	if inside < runs*4/10 || settled < runs*7/10 || !(off < 0.035) || probes > 15*runs {
		wrong = append(wrong, fmt.Sprintf("noise: of %d searches %d have the knee, %d are settled, mean error %.1f %%, %.1f probes", runs, inside, settled, 100*off, float64(probes)/runs))
	}
	return wrong
}

// limitSuite: a search ends when its probes or its time are used up, and then
// does not say that it is settled.
func limitSuite(make func(load.Goal) finder) (wrong []string) {
	for what, change := range map[string]func(*load.Goal){
		"probes": func(g *load.Goal) { g.Probes = 5 },
		"time":   func(g *load.Goal) { g.Time = 5 * time.Second },
	} {
		g := wide
		change(&g)
		if k := seek(make(g), crisp(1000)); len(k.Probes) != 5 || k.Settled || k.Low > 1000 || k.High < 1000 {
			wrong = append(wrong, fmt.Sprintf("limit of %s: %d probes, settled %v, %v to %v", what, len(k.Probes), k.Settled, k.Low, k.High))
		}
	}
	return wrong
}

// votes is how many more probes held a rate than did not.
func votes(k load.Knee, rate float64) (n int) {
	for _, p := range k.Probes {
		switch {
		case p.Rate != rate:
		case p.Held():
			n++
		default:
			n--
		}
	}
	return n
}

func newFinder(g load.Goal) finder {
	f, err := load.NewFinder(g)
	if err != nil {
		panic(err)
	}
	return f
}

func TestFinder(t *testing.T) {
	for _, wrong := range searchSuite(newFinder) {
		t.Error(wrong)
	}
}

// mutant is a search with a fault.
type mutant struct {
	finder
	next func(rate float64, ok bool) (float64, bool)
	tell func(load.Probe) []load.Probe // what the search is told instead
	knee func(load.Knee) load.Knee
}

func (m mutant) Next() (float64, bool) {
	if m.next == nil {
		return m.finder.Next()
	}
	return m.next(m.finder.Next())
}

func (m mutant) Tell(p load.Probe) {
	told := []load.Probe{p}
	if m.tell != nil {
		told = m.tell(p)
	}
	for _, p := range told {
		m.finder.Tell(p)
	}
}

func (m mutant) Knee() load.Knee {
	if m.knee == nil {
		return m.finder.Knee()
	}
	return m.knee(m.finder.Knee())
}

// The suite must notice every fault that matters.
func TestFinderMutants(t *testing.T) {
	for name, make := range map[string]func(load.Goal) mutant{
		"believes one probe": func(load.Goal) mutant {
			return mutant{tell: func(p load.Probe) []load.Probe { return []load.Probe{p, p} }}
		},
		"takes lost for held": func(load.Goal) mutant {
			return mutant{tell: func(p load.Probe) []load.Probe { p.InTime = 1000; return []load.Probe{p} }}
		},
		"takes held for lost": func(load.Goal) mutant {
			return mutant{tell: func(p load.Probe) []load.Probe { p.InTime = 0; return []load.Probe{p} }}
		},
		"counts answers only": func(load.Goal) mutant {
			return mutant{tell: func(p load.Probe) []load.Probe { p.Offered = p.InTime; return []load.Probe{p} }}
		},
		"answers the upper end": func(load.Goal) mutant {
			return mutant{knee: func(k load.Knee) load.Knee { k.Held = k.High; return k }}
		},
		"always settled": func(load.Goal) mutant {
			return mutant{knee: func(k load.Knee) load.Knee { k.Settled = true; return k }}
		},
		"too narrow a bracket": func(load.Goal) mutant {
			return mutant{knee: func(k load.Knee) load.Knee { k.Low = k.High / 1.001; return k }}
		},
		"never stops": func(g load.Goal) mutant {
			return mutant{next: func(rate float64, ok bool) (float64, bool) { return max(rate, g.From), true }}
		},
		"stops at half of the probes": func(load.Goal) mutant {
			n := 0
			return mutant{next: func(rate float64, ok bool) (float64, bool) { n++; return rate, ok && n < 10 }}
		},
		"probes beside the rate": func(load.Goal) mutant {
			return mutant{next: func(rate float64, ok bool) (float64, bool) { return rate * 1.1, ok }}
		},
		"forgets the limits": func(g load.Goal) mutant {
			g.Probes, g.Time = load.MaxProbes, 0
			return mutant{finder: newFinder(g)}
		},
		"half the precision": func(g load.Goal) mutant {
			g.Precision = 0.2
			return mutant{finder: newFinder(g)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := searchSuite(func(g load.Goal) finder {
				m := make(g)
				if m.finder == nil {
					m.finder = newFinder(g)
				}
				return m
			})
			if len(wrong) == 0 {
				t.Error("not noticed")
			} else {
				t.Logf("%d clauses, among them %s", len(wrong), wrong[0])
			}
		})
	}
}

func TestGoal(t *testing.T) {
	for want, change := range map[string]func(*load.Goal){
		"p99-below is 0s":      func(g *load.Goal) { g.Below = 0 },
		"from 0 to":            func(g *load.Goal) { g.From = 0 },
		"from NaN":             func(g *load.Goal) { g.From = math.NaN() },
		"from 10 to 10":        func(g *load.Goal) { g.To = 10 },
		"from 10 to +Inf":      func(g *load.Goal) { g.To = math.Inf(1) },
		"precision is 0.001":   func(g *load.Goal) { g.Precision = 0.001 },
		"precision is NaN":     func(g *load.Goal) { g.Precision = math.NaN() },
		"probes is -1":         func(g *load.Goal) { g.Probes = -1 },
		"probes is 201":        func(g *load.Goal) { g.Probes = 201 },
		"must not be negative": func(g *load.Goal) { g.Time = -1 },
	} {
		g := wide
		change(&g)
		if _, err := load.NewFinder(g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
