package fleet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/agent"
	"dyno/bench/fleet"
)

// Machines that do not come are tried again until the context ends, and named.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names, machines, tries := []string{"a", "b"}, make([]*agent.Machine, 2), make([]int, 2)
		for i, name := range names {
			machines[i] = agent.NewMachine(name, func(context.Context) (*agent.Connection, error) {
				tries[i]++
				return nil, errors.New("nobody is there")
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
		defer cancel()
		err := fleet.New(machines...).Gather(ctx)
		for i, name := range names {
			if err == nil || !strings.Contains(err.Error(), "machine "+name+": nobody is there") || tries[i] != 6 {
				t.Errorf("%s was tried %d times: %v", name, tries[i], err)
			}
		}
	})
}
