package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// Fleet shows the machines that ran the roles, how far they are from each other, and
// what ran where; empty: all ran on one machine.
func (o *overview) Fleet() string {
	var parts []string
	for _, r := range o.store.Results {
		if len(r.Run.Environment.Machines) > 0 {
			parts = append(parts, machines(r.Run.Environment.Machines), trips(r.Run.Blocks), places(r.Run.Experiment.Placement, r.Trials))
		}
	}
	return strings.Join(parts, "\n\n")
}

func machines(all []record.Machine) string {
	out := table.New("machine of roles", "address", "host", "processor", "cores", "memory (GiB)", "system", "kernel", "QoS class")
	for _, m := range all {
		out.Add(table.Text(m.Name), table.Text(m.Address), table.Text(m.Hostname), table.Text(m.CPU), fmt.Sprint(m.Cores),
			fmt.Sprintf("%.1f", float64(m.MemoryBytes)/(1<<30)), table.Text(m.OS), table.Text(m.Kernel), table.Text(m.QoS))
	}
	return out.Within(screen, 1)
}

// trips is the median over blocks for each pair.
func trips(blocks []record.Noise) string {
	seen := make(map[[2]string][]float64)
	for _, b := range blocks {
		for _, t := range b.Trips {
			pair := [2]string{t.From, t.To}
			seen[pair] = append(seen[pair], t.RTT)
		}
	}
	var words []string
	for _, pair := range slices.SortedFunc(maps.Keys(seen), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		rtt := time.Duration(stats.Summarize(seen[pair]).Center * float64(time.Second)).Round(time.Microsecond)
		words = append(words, fmt.Sprintf("%s → %s %v", pair[0], pair[1], rtt))
	}
	return "Round-trip times of TCP, median over blocks: " + table.Text(strings.Join(words, ", ")) + "."
}

// places says on which machines processes ran, over all trials.
func places(p *record.Placement, trials []*record.Trial) string {
	on := make(map[string]map[string]bool)
	for _, t := range trials {
		for process, machine := range t.Machines {
			if on[process] == nil {
				on[process] = make(map[string]bool)
			}
			on[process][machine] = true
		}
	}
	var words []string
	for _, process := range slices.Sorted(maps.Keys(on)) {
		words = append(words, process+" on "+strings.Join(slices.Sorted(maps.Keys(on[process])), " or "))
	}
	return fmt.Sprintf("Placement %v: %s.", p, table.Text(strings.Join(words, ", ")))
}
