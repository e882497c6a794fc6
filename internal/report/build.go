package report

import (
	_ "embed"
	"strings"

	"dyno/internal/page"
	"dyno/internal/record"
)

// Files are the generated files: path below the output folder, with slashes,
// to content.
type Files map[string][]byte

// Paths of generated files.
const (
	reportPath = "REPORT.md"
	pagePath   = "report.html"

	evidencePath = "results/README.md"
	comparedPath = "results/compared.md"
)

func plotPath(experiment, figure string) string { return "plots/" + experiment + "-" + figure + ".png" }
func exportPath(experiment string) string       { return "results/" + experiment + ".txt" }
func readmePath(experiment string) string       { return "results/" + experiment + "/README.md" }

//go:embed report.md.tmpl
var reportTemplate string

//go:embed compared.md.tmpl
var comparedTemplate string

//go:embed evidence.md.tmpl
var evidenceTemplate string

type builder struct {
	store   *Store
	colours colours
	files   Files
	shown   map[string]bool // experiments that a section names
	pages   []page.Document // of experiments, in the order of the sections
}

// Build makes every generated file: a PNG per figure, an export and a page per
// experiment, results/README.md, REPORT.md and report.html. Sections come in
// the order given, systems without one behind them. The error names the
// experiment and figure, or the template and its line.
func Build(s *Store, sections []Section) (Files, error) {
	b := &builder{store: s, colours: allot(s.Results), files: make(Files), shown: make(map[string]bool)}
	var jobs []job
	data := make([]page.Data, len(s.Results))
	for i, r := range s.Results {
		jobs = append(append(jobs, b.plots(r)...), r.exported, b.packed(r, &data[i]))
	}
	if err := b.make(jobs); err != nil {
		return nil, err
	}
	parts, err := b.sections(sections)
	if err != nil {
		return nil, err
	}
	o := &overview{store: s, Sections: parts}
	var documents []page.Document
	peers, err := o.Compared()
	if err != nil {
		return nil, err
	}
	for _, d := range []struct {
		path, template string
		made           bool
	}{{reportPath, reportTemplate, true}, {comparedPath, comparedTemplate, peers != ""}, {evidencePath, evidenceTemplate, true}} {
		if !d.made {
			continue
		}
		t, err := parse(d.path, d.template, nil)
		if err != nil {
			return nil, err
		}
		text, err := execute(t, o)
		if err != nil {
			return nil, err
		}
		documents = append(documents, b.add(d.path, text))
	}
	all := page.Page{Title: "dyno: report", Documents: append(documents, b.pages...), Data: data}
	if b.files[pagePath], err = all.Render(); err != nil {
		return nil, err
	}
	return b.files, nil
}

// add puts a text among the files.
func (b *builder) add(path, text string) page.Document {
	b.files[path] = []byte(tidy(text))
	return page.Document{Path: path, Text: b.files[path]}
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
