package experiments

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"dyno/internal/record"
	"dyno/systems"
)

// skeleton is what an experiment file of a system may begin as.
type skeleton struct {
	Name   string
	System *systems.System
	From   string // the built-in experiment that it is cut from
	Load   record.Load
	Knobs  map[string]string
	Sweep  record.Sweep
	Varied []string // knobs of the sweep with more than one level
	Y      string   // a metric that a plot can show
	Column []string
	Scales []namedScale
	Share  *record.Share
}

type namedScale struct {
	Name string
	record.Scale
}

// Skeleton writes an experiment file for a system, named as its file is to be:
// it runs as it stands, and holds every knob and metric of the system as
// comments. It is cut from a built-in experiment, so that its cells are some that
// the system can measure.
func (c Catalog) Skeleton(system, name string) (string, error) {
	s, err := c.system(system)
	if err != nil {
		return "", err
	}
	base, err := c.plainest(s)
	if err != nil {
		return "", err
	}
	k := skeleton{Name: name, System: s, From: base.Name, Load: base.Load, Knobs: base.Knobs, Share: base.MaxFailures}
	k.sweep(base.Core[0])
	k.metrics(base)
	for _, scale := range Scales {
		of, ok := base.Scales[scale]
		if !ok {
			of = base.Scales["full"]
			of.Blocks = 1
		}
		k.Scales = append(k.Scales, namedScale{scale, of})
	}
	var out strings.Builder
	if err := skeletonTemplate.Execute(&out, k); err != nil {
		return "", err
	}
	_, err = c.Read(name+".yaml", []byte(out.String()))
	return out.String(), err
}

// plainest is the experiment of a system that is easiest to begin from: one that
// breaks nothing on purpose and needs nobody else's software, a flagship first.
func (c Catalog) plainest(s *systems.System) (*Experiment, error) {
	all, err := c.All()
	if err != nil {
		return nil, err
	}
	of := slices.DeleteFunc(all, func(e *Experiment) bool { return e.System.Name != s.Name })
	if len(of) == 0 {
		return nil, systems.Usagef("no experiment of %s is built in, from which a file could be cut", s.Name)
	}
	rank := func(e *Experiment) int {
		r := len(e.Controls) + len(e.Peers) + len(e.Impl)
		if !e.Flagship {
			r++
		}
		return r
	}
	return slices.MinFunc(of, func(a, b *Experiment) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	}), nil
}

// sweep keeps a cross product small: two levels of two knobs at most.
func (k *skeleton) sweep(from record.Sweep) {
	for _, f := range from {
		most := 1
		if len(f.Levels) > 1 && len(k.Varied) < 2 {
			most = 2
			k.Varied = append(k.Varied, f.Knob)
		}
		k.Sweep = append(k.Sweep, record.Factor{Knob: f.Knob, Levels: f.Levels[:most]})
	}
	if len(k.Varied) == 0 {
		k.Varied = []string{k.Sweep[0].Knob}
	}
}

// metrics takes a metric for a plot and a few for a table from an experiment.
func (k *skeleton) metrics(base *Experiment) {
	for _, f := range base.Figures {
		if k.Y == "" && (f.Kind == "bars" || f.Kind == "lines") {
			k.Y = f.Y
		}
	}
	for _, t := range base.Tables {
		for _, c := range t.Columns {
			if _, _, per := record.Per(c); !per && len(k.Column) < 4 && !slices.Contains(k.Column, c) {
				k.Column = append(k.Column, c)
			}
		}
	}
	if k.Y == "" && len(k.Column) > 0 {
		k.Y = k.Column[0]
	}
	if len(k.Column) == 0 {
		k.Column = []string{k.Y}
	}
}

// plainForm is a text that YAML reads as it is written, or as a number.
var plainForm = regexp.MustCompile(`^[-+.0-9A-Za-z_/]+$`)

// yamlText writes a level so that it is read as the same text.
func yamlText(text string) string {
	var n yaml.Node
	if plainForm.MatchString(text) && yaml.Unmarshal([]byte(text), &n) == nil && len(n.Content) == 1 {
		switch n.Content[0].ShortTag() {
		case "!!int", "!!float":
			if numberForm.MatchString(text) {
				return text
			}
		case "!!str":
			return text
		}
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

var skeletonTemplate = template.Must(template.New("skeleton").Funcs(template.FuncMap{
	"text": yamlText,
	"texts": func(all []string) string {
		out := make([]string, len(all))
		for i, t := range all {
			out[i] = yamlText(t)
		}
		return strings.Join(out, ", ")
	},
	"orNone": func(text string) string { return cmp.Or(text, "none") },
	"join":   strings.Join,
}).Parse(`# {{.Name}}: an experiment on {{.System.Name}}, {{.System.Summary}}.
#
#   dyno run {{.Name}}.yaml --dry-run                              check it, show its plan
#   dyno run {{.Name}}.yaml --scale quick --out out/{{.Name}}      measure, draw, report
#
# Its cells are some of {{.From}}'s. All keys: docs/experiment-files.md. Editors that
# know YAML complete and check it by what dyno schema prints.
name: {{text .Name}}
title: My experiment
question: What changes with {{join .Varied " and "}}? # one sentence
system: {{.System.Name}}
load: {loop: {{.Load.Loop}}
{{- if .Load.P99Below}}, p99-below: {{.Load.P99Below}}, from: {{.Load.From}}, to: {{.Load.To}}{{end}}
{{- if .Load.Precision}}, precision: {{.Load.Precision}}{{end}}{{if .Load.Probes}}, probes: {{.Load.Probes}}{{end}}}
{{- with .Share}}
max-failures: {{.}}
{{- end}}
{{- with .Knobs}}

knobs: # the same in every cell
{{- range $name, $value := .}}
  {{$name}}: {{text $value}}
{{- end}}
{{- end}}

core: # a sweep is a cross product; every block runs all of its cells
  - {{range $i, $f := .Sweep}}{{if $i}}
    {{end}}{{$f.Knob}}: [{{texts $f.Levels}}]{{end}}

scales:
{{- range .Scales}}
  {{.Name}}: {blocks: {{.Blocks}}, warmup: {{.Warmup}}, length: {{.Length}}}
{{- end}}

figures:
  - name: figure
    title: What the reader is to see, in one line
    kind: bars # or lines, members, timeline
    x: {{index .Varied 0}}
    y: {{.Y}}
{{- if gt (len .Varied) 1}}
    series: {{index .Varied 1}}
{{- end}}

tables:
  - name: overview
    title: Overview
    rows: [{{join .Varied ", "}}]
    columns: [{{join .Column ", "}}]

# Claims are written before the run: a metric of one cell, over another's, is at
# least or at most a number. Six blocks or more decide them.
# claims:
#   - name: my-claim
#     claim: One sentence that may turn out to be wrong.
#     metric: {{.Y}}
#     where: { {{- range $i, $f := .Sweep}}{{if $i}}, {{end}}{{$f.Knob}}: {{text (index $f.Levels 0)}}{{end -}} }
#     at-least: 1

# Knobs of {{.System.Name}}, for knobs and core:
{{- range .System.Knobs}}
#   {{.Name}}: {{.Help}} ({{.Type.Allowed}}; default {{orNone .Default}})
{{- end}}
#
# Metrics of {{.System.Name}}, for y, columns and claims; of a histogram NAME.p50, NAME.p99, NAME.mean:
{{- range .System.Metrics}}
#   {{.Name}} ({{.Kind}}, {{.Unit}}): {{.Help}}
{{- end}}
`))
