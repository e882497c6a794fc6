package journal

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// journey drives a log through appends, snapshots, cuts, kills, failing disks
// and power cuts, drawn from a seed, and says what was promised and not kept.
type journey struct {
	fs     *faultFS
	chance *rand.Rand
	log    *Log
	made   int       // records made so far, so that no two are alike
	may    []history // what may be found; the first is what the log holds now
	clean  bool      // it was closed in order

	cuts, snapshots, torn, failures, cleared int // so that a journey that reaches nothing is seen
}

// history is what may be found: its first n records, where n is one of ends.
type history struct {
	records []string
	ends    []int // of batches, from what is durable on
}

const journeyDir = "/j"

func newJourney(seed uint64, ignore string) *journey {
	g := &journey{fs: newFaultFS(seed), chance: rand.New(rand.NewPCG(seed, 2)), may: []history{{ends: []int{0}}}}
	g.fs.ignore = ignore
	return g
}

// state is what records add up to.
func state(records []string) string {
	h := fnv.New64a()
	for _, r := range records {
		io.WriteString(h, r)
	}
	return strings.Repeat(fmt.Sprintf("%d records, %x. ", len(records), h.Sum64()), 40)
}

// run takes some steps. The error is a promise that was broken.
func (g *journey) run(steps int) error {
	if err := g.open(); err != nil {
		return err
	}
	for range steps {
		g.strike()
		err := g.step()
		hurt := g.fs.struck || g.fs.steps == 0
		if err != nil && !hurt {
			return fmt.Errorf("on a good disk: %w", err)
		}
		if !hurt && g.chance.IntN(8) > 0 {
			continue
		}
		if err := g.end(err != nil); err != nil {
			return err
		}
		if err := g.open(); err != nil {
			return err
		}
	}
	return nil
}

// strike lets something happen soon, sometimes.
func (g *journey) strike() {
	switch g.chance.IntN(12) {
	case 0, 1, 2:
		g.fs.steps = g.chance.IntN(14)
	case 3:
		op := []string{"create", "write", "sync", "folder", "rename", "remove"}[g.chance.IntN(6)]
		g.fs.fault = fault{op: op, skip: g.chance.IntN(4), short: g.chance.IntN(2) == 0}
		g.fs.struck = false
	}
}

func (g *journey) step() error {
	switch n := g.chance.IntN(20); {
	case n < 14:
		return g.append()
	case n < 16:
		return g.snapshot()
	case n < 18:
		return g.cut()
	default:
		return g.read()
	}
}

func (g *journey) append() error {
	var records [][]byte
	h := &g.may[0]
	for range 1 + g.chance.IntN(3) {
		g.made++
		size := []int{0, 20, 450, 1500}[g.chance.IntN(4)]
		text := fmt.Sprintf("record %d%s", g.made, strings.Repeat("\x00", size))
		records = append(records, []byte(text))
		h.records = append(h.records, text)
	}
	h.ends = append(h.ends[:1], len(h.records))
	last, err := g.log.Append(records...)
	if err == nil && last != uint64(len(h.records)) {
		return fmt.Errorf("record %d, want %d", last, len(h.records))
	}
	if err == nil && g.chance.IntN(30) == 0 {
		err = g.log.Prepare()
	}
	if g.chance.IntN(4) == 0 {
		return err // more may join it
	}
	if err == nil {
		err = g.log.Flush()
	}
	if err == nil {
		h.ends = []int{len(h.records)}
	}
	return err
}

func (g *journey) snapshot() error {
	durable := int(g.log.Durable())
	if durable == 0 || int(g.log.through) > durable {
		return nil
	}
	through := int(g.log.through) + g.chance.IntN(durable-int(g.log.through)+1)
	if through == 0 {
		return nil
	}
	err := g.log.Snapshot(uint64(through), func(w io.Writer) error {
		for _, b := range []byte(state(g.may[0].records[:through])) {
			if _, err := w.Write([]byte{b}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		g.snapshots++
	}
	return err
}

func (g *journey) cut() error {
	h := g.may[0]
	least := int(g.log.through)
	if len(h.records) == least {
		return nil
	}
	// What was appended becomes durable first.
	to := len(h.records) - 1 - g.chance.IntN(min(len(h.records)-least, 12))
	after := history{slices.Clone(h.records[:to]), []int{to}}
	g.may = append(g.may, after)
	err := g.log.CutAfter(uint64(to))
	if err == nil {
		g.cuts++
		g.may = []history{after}
	}
	return err
}

// read reads what is durable, from somewhere on.
func (g *journey) read() error {
	from := int(g.log.segments[0].first) + g.chance.IntN(5)
	want := g.may[0].records[:g.log.Durable()]
	next := from
	err := g.log.Read(uint64(from), func(e Entry) error {
		if e.Sequence != uint64(next) || string(e.Data) != want[next-1] {
			return fmt.Errorf("read %.40q as record %d, want record %d", e.Data, e.Sequence, next)
		}
		next++
		return nil
	})
	if err == nil && next <= len(want) {
		err = fmt.Errorf("read to record %d of %d", next-1, len(want))
	}
	return err
}

// end stops the process in one of three ways. A log that has failed must not
// touch the disk again.
func (g *journey) end(failed bool) error {
	syncs, broken := g.fs.syncs, g.log.broken() != nil
	if failed {
		g.failures++
	}
	err := g.log.Close()
	g.clean = err == nil && !g.fs.struck && g.fs.steps != 0
	if broken && g.fs.syncs != syncs {
		return errors.New("synced again after a failure")
	}
	if g.clean {
		g.may[0].ends = []int{len(g.may[0].records)}
	}
	if g.chance.IntN(2) == 0 {
		g.fs.kill()
	} else {
		g.fs.lose()
	}
	return nil
}

// open replays the log, perhaps in more than one try, and checks what it says.
func (g *journey) open() error {
	for {
		if g.chance.IntN(4) == 0 {
			g.fs.steps = g.chance.IntN(8)
		}
		audit := g.audit()
		found, r, err := g.replay()
		if g.fs.steps == 0 {
			g.clean = false
			g.fs.kill()
			if g.chance.IntN(2) == 0 {
				g.fs.lose()
			}
			continue
		}
		g.fs.steps = -1
		if err != nil {
			return err
		}
		if err := g.check(found, r, audit); err != nil {
			return err
		}
		return g.tidy(r)
	}
}

// audit is what a scan that changes nothing finds.
func (g *journey) audit() Recovery {
	syncs, steps := g.fs.syncs, g.fs.steps
	r, err := Scan(journeyDir, Options{FS: g.fs, Segment: minSegment}, func(Entry) error { return nil })
	if g.fs.syncs != syncs || g.fs.steps != steps || err != nil {
		return Recovery{}
	}
	return r
}

func (g *journey) replay() (found []string, r Recovery, err error) {
	g.log, r, err = OpenLog(journeyDir, Options{FS: g.fs, Segment: minSegment}, func(e Entry) error {
		if e.Snapshot != nil {
			b, err := io.ReadAll(e.Snapshot)
			for _, h := range g.may {
				if n := int(e.Sequence); n <= len(h.records) && string(b) == state(h.records[:n]) {
					found = slices.Clone(h.records[:n])
					return err
				}
			}
			return errors.Join(err, fmt.Errorf("the snapshot through %d is %.40q", e.Sequence, b))
		}
		if int(e.Sequence) != len(found)+1 {
			return fmt.Errorf("record %d after %d", e.Sequence, len(found))
		}
		found = append(found, string(e.Data))
		return nil
	})
	return found, r, err
}

// check holds what was found against what may be; from here on it is a promise.
func (g *journey) check(found []string, r, audit Recovery) error {
	for _, h := range g.may {
		n := len(found)
		if slices.Contains(h.ends, n) && slices.Equal(found, h.records[:n]) {
			g.may = []history{{found, []int{n}}}
			if g.clean && !r.Clean {
				return errors.New("it was closed in order, and nothing says so")
			}
			if !r.Created && audit != r {
				return fmt.Errorf("a scan says %+v, opening it %+v", audit, r)
			}
			if r.Cut > 0 {
				g.torn++
			}
			return nil
		}
	}
	return fmt.Errorf("found %d records (%+v), want one of %v", len(found), r, g.ends())
}

func (g *journey) ends() (ends [][]int) {
	for _, h := range g.may {
		ends = append(ends, h.ends)
	}
	return ends
}

// tidy checks that nothing is left over.
func (g *journey) tidy(r Recovery) error {
	g.cleared += r.Stale
	names, err := g.fs.List(journeyDir)
	want := len(g.log.segments)
	if r.Snapshot {
		want++
	}
	if err == nil && len(names) != want {
		err = fmt.Errorf("after opening there are %d files (%v), want %d", len(names), names, want)
	}
	for _, s := range g.log.segments {
		if _, e := g.fs.Open(filepath.Join(journeyDir, fileName(s.first, segmentSuffix)), false); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Through thousands of crashes nothing that was promised is forgotten.
func TestCrashes(t *testing.T) {
	var sum journey
	for seed := range uint64(500) {
		g := newJourney(seed, "")
		if err := g.run(40); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sum.cuts += g.cuts
		sum.snapshots += g.snapshots
		sum.torn += g.torn
		sum.failures += g.failures
		sum.cleared += g.cleared
	}
	if min(sum.cuts, sum.snapshots, sum.torn, sum.failures, sum.cleared) < 100 {
		t.Errorf("reached only %d cuts, %d snapshots, %d torn tails, %d failures, %d files cleared",
			sum.cuts, sum.snapshots, sum.torn, sum.failures, sum.cleared)
	}
}

// Whichever sync is left out, a crash shows it.
func TestEverySyncIsNeeded(t *testing.T) {
	sites := map[string]bool{}
	for seed := range uint64(100) {
		g := newJourney(seed, "")
		if err := g.run(40); err != nil {
			t.Fatal(err)
		}
		for s := range g.fs.sites {
			sites[s] = true
		}
	}
	if len(sites) < 8 {
		t.Errorf("only these syncs were reached: %v", sites)
	}
	for s := range sites {
		t.Run(s, func(t *testing.T) {
			for seed := range uint64(1000) {
				if err := newJourney(seed, s).run(40); err != nil {
					t.Logf("without %s, seed %d: %v", s, seed, err)
					return
				}
			}
			t.Errorf("nothing was noticed without %s", s)
		})
	}
}
