package experiments

import (
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// A trial of other machines is not run here in their place.
func TestReplayOfOtherMachines(t *testing.T) {
	old := &record.Trial{ID: "far-b01-c001", Experiment: "far", Machines: map[string]string{"server": "a"}}
	_, _, err := (&Runner{Out: t.TempDir()}).Replay(t.Context(), Catalog{}, new(record.Run), old)
	if !systems.IsUsage(err) || !strings.Contains(err.Error(), "dyno run far --hosts") {
		t.Error(err)
	}
}
