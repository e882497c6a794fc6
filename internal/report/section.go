package report

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"dyno/internal/page"
)

// Section is what a system contributes to the report.
type Section struct {
	System   string // its name, the section's heading
	Summary  string // one line
	Template string // text/template; see [Experiment] for what it can show
}

//go:embed experiment.md.tmpl
var experimentTemplate string

const ownTemplate = "### {{.Title}} (`{{.Name}}`)" + `

{{.Question}}

{{$e := .}}{{range .Figures}}{{$e.Figure .}}

{{end}}{{range .Tables}}{{$e.Table .}}

{{end}}`

// findingsBlock is the block of a section's template that goes on the first
// page. A block that bears an experiment's name is what is to be said on that
// experiment's own page.
const findingsBlock = "findings"

// part is a system's section as it goes into the report. Its methods return
// Markdown.
type part struct {
	System, Summary, Text, Findings string
	Own                             string // experiments that the section does not know: a user's

	results []*Result
	pages   []page.Document // of the experiments
}

func (b *builder) section(s Section) (*part, error) {
	p := &part{System: s.System}
	if s.Summary != "" {
		p.Summary = sentence(s.Summary)
	}
	for _, r := range b.store.Results {
		if r.Run.Experiment.System == s.System {
			p.results = append(p.results, r)
		}
	}
	shown := make(map[string]bool)
	t, err := parse("report of "+s.System, s.Template, template.FuncMap{"experiment": func(name string) *Experiment {
		shown[name] = true
		return b.experiment(name)
	}})
	if err != nil {
		return nil, err
	}
	if p.Text, err = execute(t, s); err != nil {
		return nil, err
	}
	p.Text = dropHeadings(p.Text)
	if f := t.Lookup(findingsBlock); f != nil {
		if p.Findings, err = execute(f, s); err != nil {
			return nil, err
		}
	}
	for _, r := range p.results {
		own, err := b.page(r, t)
		if err != nil {
			return nil, err
		}
		p.pages = append(p.pages, own)
		if name := r.Run.Experiment.Name; !shown[name] && t.Lookup(name) == nil {
			own, err := b.own(r)
			if err != nil {
				return nil, err
			}
			p.Own += own + "\n\n"
		}
	}
	return p, nil
}

// measured are the sections of systems of which something is stored, since prose
// about the others would hide it; all, when nothing is.
func (b *builder) measured(known []Section) []Section {
	if len(b.store.Results) == 0 {
		return known
	}
	var out []Section
	for _, s := range known {
		if slices.ContainsFunc(b.store.Results, func(r *Result) bool { return r.Run.Experiment.System == s.System }) {
			out = append(out, s)
		}
	}
	return out
}

// others are sections for systems that this binary does not have.
func (b *builder) others(known []Section) []Section {
	var out []Section
	for _, r := range b.store.Results {
		system := r.Run.Experiment.System
		named := func(s Section) bool { return s.System == system }
		if !slices.ContainsFunc(known, named) && !slices.ContainsFunc(out, named) {
			out = append(out, Section{System: system})
		}
	}
	slices.SortFunc(out, func(x, y Section) int { return strings.Compare(x.System, y.System) })
	return out
}

// experiment is the template function: nil when the experiment was not run.
func (b *builder) experiment(name string) *Experiment {
	r := b.store.Lookup(name)
	if r == nil {
		return nil
	}
	return &Experiment{Result: r, builder: b}
}

// own shows a user's experiment in REPORT.md itself, for that is where it is
// looked for.
func (b *builder) own(r *Result) (string, error) {
	t, err := parse("experiment "+r.Run.Experiment.Name, ownTemplate, nil)
	if err != nil {
		return "", err
	}
	return execute(t, &Experiment{Result: r, builder: b})
}

// page makes an experiment's own page: what its system's template says of it,
// then everything that it does not show.
func (b *builder) page(r *Result, section *template.Template) (_ page.Document, err error) {
	name := r.Run.Experiment.Name
	e := &Experiment{Result: r, builder: b, up: "../../"}
	if d := section.Lookup(name); d != nil {
		if e.Discussion, err = execute(d, e); err != nil {
			return page.Document{}, err
		}
	}
	t, err := parse("experiment "+name, experimentTemplate, nil)
	if err != nil {
		return page.Document{}, err
	}
	text, err := execute(t, e)
	if err != nil {
		return page.Document{}, err
	}
	return b.add(readmePath(name), text), nil
}

// link leads from REPORT.md to an experiment's page.
func (r *Result) link() string {
	name := r.Run.Experiment.Name
	return fmt.Sprintf("[%s](%s)", name, readmePath(name))
}

// Experiments names the system's experiments.
func (p *part) Experiments() string {
	var names []string
	for _, r := range p.results {
		names = append(names, r.link())
	}
	return strings.Join(names, ", ")
}

// dropHeadings drops headings that nothing stands under, since what would is about
// experiments that were not run.
func dropHeadings(text string) string {
	const content = 7 // no heading has so many #
	var out []string
	below, code := 1, false // the end closes every heading
	for _, line := range slices.Backward(strings.Split(text, "\n")) {
		level := len(line) - len(strings.TrimLeft(line, "#"))
		switch fence := strings.HasPrefix(line, "```"); {
		case fence, code, level == 0 && line != "":
			code = code != fence
			below = content
		case level > 0 && below <= level:
			continue
		case level > 0:
			below = level
		}
		out = append(out, line)
	}
	slices.Reverse(out)
	return strings.Join(out, "\n")
}

func parse(name, text string, funcs template.FuncMap) (*template.Template, error) {
	return template.New(name).Option("missingkey=error").Funcs(funcs).Parse(text) // the error names the template and the line
}

func execute(t *template.Template, data any) (string, error) {
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}
