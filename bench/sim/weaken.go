package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (w *World) countSync(purpose string) {
	if w.syncs == nil {
		w.syncs = map[string]int{}
	}
	w.syncs[purpose]++
}

// Weaken makes the syncs for each purpose in turn lie, and hunts for what that
// breaks: a sync that nobody misses is either not needed, or not tested. It
// returns what was found by purpose. Its error names the purposes that nothing
// depends on, those of sparing excepted; and it is an error when the hunt finds
// something though no sync lies.
func (h Hunt) Weaken(ctx context.Context, sparing ...string) (map[string]*Failure, error) {
	honest, err := h.Sweep(ctx)
	switch {
	case err != nil:
		return nil, err
	case honest.Failure != nil:
		return nil, fmt.Errorf("sim: it fails though no sync lies:\n%s", honest.Failure)
	case len(honest.Syncs) == 0:
		return nil, misused("no node syncs for a purpose: call Disk.SyncFor")
	}
	found := make(map[string]*Failure)
	var unnoticed []string
	for _, purpose := range slices.Sorted(maps.Keys(honest.Syncs)) {
		weak := h
		weak.Config.Weaken, weak.Sometimes = purpose, nil
		s, err := weak.Sweep(ctx)
		if err != nil {
			return nil, err
		}
		if s.Failure != nil {
			found[purpose] = s.Failure
		} else if !slices.Contains(sparing, purpose) {
			unnoticed = append(unnoticed, purpose)
		}
	}
	if len(unnoticed) > 0 {
		return found, fmt.Errorf("sim: in %d seeds nothing depends on the syncs for: %s", h.Seeds, strings.Join(unnoticed, "; "))
	}
	return found, nil
}
