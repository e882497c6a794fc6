package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/internal/table"
)

// overview is what the frame of REPORT.md shows: everything that is not one
// system's. Its methods return Markdown.
type overview struct {
	store    *Store
	Sections []*part
}

const nothingStored = "Nothing was run yet: there are no results."

// Machines shows where the experiments were run, one row per environment.
func (o *overview) Machines() string {
	if len(o.store.Results) == 0 {
		return nothingStored
	}
	names := make(map[string][]string)
	var order []record.Environment
	for _, r := range o.store.Results {
		env := r.Run.Environment
		key := fmt.Sprint(env)
		if names[key] == nil {
			order = append(order, env)
		}
		names[key] = append(names[key], r.Run.Experiment.Name)
	}
	out := table.New("experiments", "processor", "cores", "memory (GiB)", "system", "kernel", "virtualization", "Go", "commit")
	for _, env := range order {
		const gib = 1 << 30
		of := names[fmt.Sprint(env)]
		if out.Len() == 0 && len(order) == 1 || len(of) > 1 {
			of = []string{plural(int64(len(of)), "experiment")}
		}
		out.Add(of[0], table.Text(env.CPU), fmt.Sprint(env.Cores),
			fmt.Sprintf("%.1f", float64(env.MemoryBytes)/gib),
			table.Text(env.OS), table.Text(env.Kernel), table.Text(env.Virtual), table.Text(env.Go), commit(env))
	}
	return out.Within(screen, 1) + "\n" + o.dependencies()
}

func commit(env record.Environment) string {
	const short = 12
	switch {
	case env.Commit == "":
		return "unknown"
	case env.Dirty:
		return env.Commit[:min(short, len(env.Commit))] + " with changes"
	}
	return env.Commit[:min(short, len(env.Commit))]
}

// dependencies lists the libraries' versions; several for one library when
// experiments were run with different ones.
func (o *overview) dependencies() string {
	versions := make(map[string][]string)
	for _, r := range o.store.Results {
		for name, v := range r.Run.Environment.Dependencies {
			if !slices.Contains(versions[name], v) {
				versions[name] = append(versions[name], v)
			}
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		slices.Sort(versions[name])
		parts = append(parts, name+" "+strings.Join(versions[name], " and "))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Libraries: " + table.Text(strings.Join(parts, ", ")) + "." + o.programs()
}

// programs says what ran the roles, and so what was linked into what was measured.
func (o *overview) programs() string {
	var out []string
	for _, r := range o.store.Results {
		if p := cmp.Or(r.Run.Environment.Roles, "dyno itself"); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if len(out) == 1 && out[0] == "dyno itself" { // of before there was another
		return ""
	}
	slices.Sort(out)
	return " Roles ran in " + table.Text(strings.Join(out, " and ")) + "."
}

// Noise shows the machine's state around every block.
func (o *overview) Noise() string {
	most := 0
	for _, r := range o.store.Results {
		for _, b := range r.Run.Blocks {
			most = max(most, b.Block)
		}
	}
	if most == 0 {
		return nothingStored
	}
	header := []string{"experiment", "started (UTC)", "took"}
	for i := range most {
		header = append(header, fmt.Sprintf("block %d", i+1))
	}
	out := table.New(header...)
	for _, r := range o.store.Results {
		took := "unfinished"
		if r.Run.Finished != nil {
			took = r.Run.Finished.Sub(r.Run.Started).Round(time.Second).String()
		}
		row := []string{r.Run.Experiment.Name, r.Run.Started.UTC().Format("2006-01-02 15:04"), took}
		out.Add(append(row, noise(&r.Run, most)...)...)
	}
	return out.Within(screen, 1)
}

// noise shows the machine's state around each of a number of blocks; those of a
// block that was measured in several goes one after the other.
func noise(run *record.Run, blocks int) []string {
	row := make([]string, blocks)
	for i, b := range run.Blocks {
		text := fmt.Sprintf("%.2f → %.2f; %.2f s", b.LoadBefore, b.LoadAfter, b.StealAfter-b.StealBefore)
		if b.LoadAfter == 0 && b.StealAfter == 0 || run.Finished == nil && i == len(run.Blocks)-1 {
			text = fmt.Sprintf("%.2f, cut short", b.LoadBefore)
		}
		if at := &row[b.Block-1]; *at == "" {
			*at = text
		} else {
			*at += ", then " + text
		}
	}
	return row
}

// Totals says in one line how all trials ended.
func (o *overview) Totals() string {
	if len(o.store.Results) == 0 {
		return nothingStored
	}
	var t tally
	trials := 0
	for _, r := range o.store.Results {
		trials += len(r.Trials)
		t.add(count(r.Trials))
	}
	return fmt.Sprintf("%s of %s: %d valid, %d invalid, %d unknown, %d without a result. %s quality flags.",
		plural(int64(trials), "trial"), plural(int64(len(o.store.Results)), "experiment"), t.valid, t.invalid, t.unknown, t.errors,
		map[bool]string{true: "1 carries", false: fmt.Sprintf("%d carry", t.flagged)}[t.flagged == 1])
}

// Experiments counts the trials of each experiment.
func (o *overview) Experiments() string {
	if len(o.store.Results) == 0 {
		return ""
	}
	out := table.New("experiment", "system", "scale", "trials planned", "valid", "invalid", "unknown", "without a result", "flagged")
	for _, r := range o.store.Results {
		t := count(r.Trials)
		out.Add(r.Run.Experiment.Name, r.Run.Experiment.System, r.Run.Scale, fmt.Sprint(r.planned()),
			fmt.Sprint(t.valid), fmt.Sprint(t.invalid), fmt.Sprint(t.unknown), fmt.Sprint(t.errors), fmt.Sprint(t.flagged))
	}
	return out.Within(screen, 1)
}

// Unfinished names the runs that did not come to their end, and what was left
// out when the results were read. Empty when all is well.
func (o *overview) Unfinished() string {
	var lines []string
	for _, b := range o.store.Broken {
		lines = append(lines, "- **The seal is broken:** "+table.Text(b)+". What is shown does without what is not as it was measured.")
	}
	for _, r := range o.store.Results {
		if how := r.Unfinished(); how != "" {
			lines = append(lines,
				fmt.Sprintf("- **Unfinished:** %s was cut short after %s; what is shown rests on these.", r.Run.Experiment.Name, how))
		}
	}
	for _, w := range o.store.Warnings {
		lines = append(lines, "- **Left out:** "+table.Text(w)+".")
	}
	return strings.Join(lines, "\n")
}

// Aside names stored trials that are not drawn, since another plan or build made
// them. Empty when there are none.
func (o *overview) Aside() string {
	var lines []string
	for _, r := range o.store.Results {
		for _, a := range r.Aside {
			lines = append(lines, fmt.Sprintf("- **Kept aside:** %s: %s.", r.Run.Experiment.Name, table.Text(a)))
		}
	}
	return strings.Join(lines, "\n")
}

// NotValid lists every trial that is not valid, with the reasons.
func (o *overview) NotValid() string {
	var lines []string
	for _, r := range o.store.Results {
		for _, t := range r.Trials {
			status, why := string(t.Status()), ""
			switch {
			case t.Observation == nil:
				status, why = "no result", t.Error
				if t.Absent {
					status = "left out"
				}
			case t.Status() == record.Valid:
				continue
			default:
				why = strings.Join(t.Observation.Verdict.Reasons(), "; ")
				if why == "" {
					why = "nothing was checked"
				}
			}
			line := fmt.Sprintf("- **%s**, %s, %s: %s", t.ID, table.Text(r.cells[t.Cell-1].label()), status, ended(table.Text(why)))
			if flags := flagDetails(t); flags != "" {
				line += " Flags: " + ended(flags)
			}
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "None."
	}
	return strings.Join(lines, "\n")
}

// Again lists the trials that were measured more than once, because an attempt
// proved nothing. Empty when there was none.
func (o *overview) Again() string {
	var lines []string
	for _, r := range o.store.Results {
		for _, t := range r.Trials {
			if n := len(t.Rejected); n > 0 {
				lines = append(lines, fmt.Sprintf("- **%s**, %s: %s, the last one %s; the others do not count: %s", t.ID,
					table.Text(r.cells[t.Cell-1].label()), plural(int64(n+1), "attempt"), t.Status(), ended(table.Text(strings.Join(t.Rejected, "; ")))))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func flagDetails(t *record.Trial) string {
	if t.Observation == nil {
		return ""
	}
	var parts []string
	for _, f := range t.Observation.Flags {
		parts = append(parts, table.Text(f.Name+": "+f.Detail))
	}
	return strings.Join(parts, "; ")
}

// Flags counts the quality flags, with the detail of one of each.
func (o *overview) Flags() string {
	var lines []string
	for _, r := range o.store.Results {
		trials := make(map[string]int)
		example := make(map[string]string)
		for _, t := range r.Trials {
			for _, name := range flagNames(t) {
				if trials[name]++; trials[name] > 1 {
					continue
				}
				i := slices.IndexFunc(t.Observation.Flags, func(f record.Flag) bool { return f.Name == name })
				example[name] = t.ID + ": " + t.Observation.Flags[i].Detail
			}
		}
		for _, name := range slices.Sorted(maps.Keys(trials)) {
			lines = append(lines, fmt.Sprintf("- **%s** on %s of %s, for example %s",
				table.Text(name), plural(int64(trials[name]), "trial"), r.Run.Experiment.Name, ended(table.Text(example[name]))))
		}
	}
	if len(lines) == 0 {
		return "None."
	}
	return strings.Join(lines, "\n")
}
