package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"dyno/bench/fleet"
	"dyno/experiments"
)

func (a *app) printPlans(plans []*experiments.Plan, sets []*fleet.Fleet) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	var total time.Duration
	for _, p := range plans {
		total += p.Estimate(0)
		fmt.Fprintf(w, "%s at scale %s: %d cells, %d blocks, %d trials, about %v\n", p.Name, p.Scale, len(p.Cells), p.Blocks, len(p.Trials),
			p.Estimate(0).Round(time.Second))
		for _, n := range p.Notes {
			fmt.Fprintf(w, "  %s\n", n)
		}
		for _, set := range sets {
			printPlacement(w, p, set.Names())
		}
		for _, c := range p.Cells {
			kind := "core"
			switch {
			case c.Detail:
				kind = "detail"
			case c.Control != "":
				kind = "control"
			}
			fmt.Fprintf(w, "  %d\t%s\t%s\twarm-up %v\twindow %v\n", c.Index, kind, c.Label(p.Experiment), c.Warmup, c.Length)
		}
	}
	fmt.Fprintf(w, "in all about %v; nothing was started\n", total.Round(time.Second))
	return w.Flush()
}

// printPlacement says where the roles of a plan will run.
func printPlacement(w io.Writer, p *experiments.Plan, machines []string) {
	switch {
	case len(machines) > 0:
		fmt.Fprintf(w, "  placement %v: %s\n", p.Placement, strings.Join(fleet.Plan(p.System, p.Placement, machines), "; "))
	case p.Placement != nil:
		fmt.Fprintf(w, "  placement %v: all on this machine (--hosts names others)\n", p.Placement)
	}
}
