package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"dyno/internal/figure"
	"dyno/internal/page"
	"dyno/internal/record"
)

// Section is what a system contributes to the report.
type Section struct {
	System   string // its name, the section's heading
	Summary  string // one line
	Template string // text/template; see [Experiment] for what it can show
}

// Files are the generated files: path below the output folder, with slashes,
// to content.
type Files map[string][]byte

// Paths of generated files.
const (
	reportPath = "REPORT.md"
	pagePath   = "report.html"
)

func plotPath(experiment, figure string) string { return "plots/" + experiment + "-" + figure + ".png" }
func exportPath(experiment string) string       { return "results/" + experiment + ".txt" }

//go:embed report.md.tmpl
var reportTemplate string

//go:embed generic.md.tmpl
var genericTemplate string

type builder struct {
	store   *Store
	colours colours
	shown   map[string]bool // experiments that some section shows
	files   Files
}

// Build makes every generated file: a PNG per figure, an export per
// experiment, REPORT.md and report.html. Sections come in the order given;
// experiments that no section shows are added below their system's section, or
// at the end. The error names the experiment and figure, or the template and
// its line.
func Build(s *Store, sections []Section) (Files, error) {
	b := &builder{store: s, colours: allot(s.Results), shown: make(map[string]bool), files: make(Files)}
	for _, r := range s.Results {
		if err := b.plots(r); err != nil {
			return nil, err
		}
		text, err := r.export()
		if err != nil {
			return nil, fmt.Errorf("experiment %s: export: %w", r.Run.Experiment.Name, err)
		}
		b.files[exportPath(r.Run.Experiment.Name)] = text
	}
	parts, err := b.sections(sections)
	if err != nil {
		return nil, err
	}
	text, err := execute("REPORT.md", reportTemplate, nil, &overview{store: s, Sections: parts})
	if err != nil {
		return nil, err
	}
	b.files[reportPath] = []byte(tidy(text))
	html, err := page.Render("dyno: report", b.files[reportPath], b.files)
	if err != nil {
		return nil, err
	}
	b.files[pagePath] = html
	return b.files, nil
}

// Check reports the first figure or table of an experiment that cannot be
// made: an unknown name, or several cells in one place. It needs no trials, so
// that an experiment file can be refused before it is run.
func Check(run record.Run) error {
	r := &Result{Run: run}
	var err error
	if r.cells, err = cells(&run); err != nil {
		return err
	}
	for _, f := range run.Experiment.Figures {
		if _, _, err := r.draw(f, nil); err != nil {
			return err
		}
	}
	e := &Experiment{Result: r}
	for _, t := range run.Experiment.Tables {
		if _, err := e.table(t); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) plots(r *Result) error {
	for _, f := range r.Run.Experiment.Figures {
		if r.leftOut(f) {
			continue
		}
		chart, _, err := r.draw(f, b.colours)
		if err != nil {
			return err
		}
		var png bytes.Buffer
		if err := figure.Draw(&png, chart); err != nil {
			return fmt.Errorf("experiment %s: %w", r.Run.Experiment.Name, err)
		}
		b.files[plotPath(r.Run.Experiment.Name, f.Name)] = png.Bytes()
	}
	return nil
}

// part is a system's section as it goes into the report.
type part struct{ System, Summary, Text string }

func (b *builder) sections(sections []Section) ([]part, error) {
	var parts []part
	for _, s := range sections {
		text, err := execute("report of "+s.System, s.Template, template.FuncMap{"experiment": b.experiment}, s)
		if err != nil {
			return nil, err
		}
		rest, err := b.rest(s.System)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{s.System, s.Summary, strings.TrimSpace(text) + rest})
	}
	var others []string // systems that this binary does not have
	for _, r := range b.store.Results {
		system := r.Run.Experiment.System
		known := slices.ContainsFunc(sections, func(s Section) bool { return s.System == system })
		if !known && !slices.Contains(others, system) {
			others = append(others, system)
		}
	}
	slices.Sort(others)
	for _, system := range others {
		rest, err := b.rest(system)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{System: system, Text: strings.TrimSpace(rest)})
	}
	return parts, nil
}

// experiment is the template function: nil when the experiment was not run.
func (b *builder) experiment(name string) *Experiment {
	b.shown[name] = true
	r := b.store.Lookup(name)
	if r == nil {
		return nil
	}
	return &Experiment{Result: r, builder: b}
}

// rest shows the experiments of a system that its template does not: those of
// a user, for example.
func (b *builder) rest(system string) (string, error) {
	var out strings.Builder
	for _, r := range b.store.Results {
		name := r.Run.Experiment.Name
		if r.Run.Experiment.System != system || b.shown[name] {
			continue
		}
		text, err := execute("experiment "+name, genericTemplate, nil, b.experiment(name))
		if err != nil {
			return "", err
		}
		out.WriteString("\n\n" + strings.TrimSpace(text))
	}
	return out.String(), nil
}

func execute(name, text string, funcs template.FuncMap, data any) (string, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(funcs).Parse(text)
	if err != nil {
		return "", err // it names the template and the line
	}
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return out.String(), nil
}

// tidy drops the blank lines and trailing spaces that templates leave behind,
// but changes nothing in blocks of code.
func tidy(text string) string {
	var out []string
	blank, code := true, false // no blank line at the top
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if !code {
			line = strings.TrimRight(line, " \t")
			if line == "" && blank {
				continue
			}
		}
		blank = line == ""
		out = append(out, line)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
}
