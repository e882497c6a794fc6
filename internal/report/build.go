package report

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

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
	mu      sync.Mutex // of files
	files   Files
}

// Build makes every generated file: a PNG per figure, an export and a page per
// experiment, results/README.md, REPORT.md and report.html. Sections come in
// the order given, systems without one behind them; those of systems of which
// nothing is stored are left out. The error names the experiment and figure, or
// the template and its line.
func Build(s *Store, sections []Section) (Files, error) {
	b := &builder{store: s, colours: allot(s.Results), files: make(Files)}
	parts, data, err := b.make(slices.Concat(b.measured(sections), b.others(sections)))
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
	for _, p := range parts {
		documents = append(documents, p.pages...)
	}
	all := page.Page{Title: "dyno: report", Documents: documents, Data: data}
	if b.files[pagePath], err = all.Render(); err != nil {
		return nil, err
	}
	return b.files, nil
}

// add puts a text among the files.
func (b *builder) add(path, text string) page.Document {
	d := page.Document{Path: path, Text: []byte(tidy(text))}
	b.put(path, d.Text)
	return d
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
		if _, err := r.draw(f, nil); err != nil {
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
