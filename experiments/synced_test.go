package experiments

import (
	"sync"
	"testing"
)

// watched knows whether what was written is on the disk.
type watched struct {
	trialsFile
	unsynced bool
	syncs    int
}

func (w *watched) WriteAt(p []byte, at int64) (int, error) {
	w.unsynced = true
	return w.trialsFile.WriteAt(p, at)
}

func (w *watched) Sync() error {
	w.unsynced = false
	w.syncs++
	return w.trialsFile.Sync()
}

// A trial is on the disk before the next one starts.
func TestTrialsAreSynced(t *testing.T) {
	p := toyPlan(t, fine)
	r := &Runner{Out: t.TempDir()}
	run, err := r.describe(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := openStore(r.Out, run, false, p.seed)
	if err != nil {
		t.Fatal(err)
	}
	disk := &watched{trialsFile: st.trials}
	st.trials = disk
	c := &crew{crowd: new(sync.RWMutex), Runner: *r, sweep: newSweep(p, st)}
	for i := range p.Trials {
		if _, _, err := c.next(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if disk.unsynced || disk.syncs <= i {
			t.Fatalf("trial %d counts as stored and is not synced", i)
		}
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
}
