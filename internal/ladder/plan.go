package ladder

import (
	"cmp"
	"fmt"

	"go.yaml.in/yaml/v3"

	"dyno/experiments"
	"dyno/internal/record"
	"dyno/systems"
)

// blocks is how often the costs of both sides are measured in turns.
const blocks = 3

// loop is the load model of a rung that names none.
const loop = "closed"

// file is the experiment file of a rung.
type file struct {
	Name        string                `yaml:"name"`
	Title       string                `yaml:"title"`
	Question    string                `yaml:"question"`
	System      string                `yaml:"system"`
	Load        map[string]string     `yaml:"load"`
	Knobs       map[string]string     `yaml:"knobs,omitempty"`
	Impl        record.Impls          `yaml:"impl,omitempty"`
	Core        []map[string][]string `yaml:"core"`
	Scales      map[string]scale      `yaml:"scales"`
	MaxFailures string                `yaml:"max-failures,omitempty"`
}

type scale struct {
	Blocks int    `yaml:"blocks"`
	Warmup string `yaml:"warmup"`
	Length string `yaml:"length"`
}

// Plan lays out the trials of a rung.
func Plan(c experiments.Catalog, s *systems.System, r Rung, i systems.Impl, seed uint64) (*experiments.Plan, error) {
	name := "check-" + s.Name + "-" + r.Name
	f := file{
		Name: name, Title: r.Name, Question: r.Promise, System: s.Name, Load: map[string]string{"loop": cmp.Or(r.Loop, loop)},
		Core: []map[string][]string{{}}, Scales: make(map[string]scale), MaxFailures: r.MaxFailures,
	}
	for knob, level := range r.Knobs {
		f.Core[0][knob] = []string{level}
	}
	n := 1
	if len(r.Costs) > 0 {
		n = blocks
	}
	if len(i) > 0 {
		f.Impl = record.Impls{record.Given: i}
		f.Core[0]["impl"] = []string{record.Given}
		if len(r.Costs) > 0 {
			f.Core[0]["impl"] = []string{systems.Own, record.Given}
		}
	}
	for _, of := range experiments.Scales {
		f.Scales[of] = scale{Blocks: n, Warmup: r.Warmup.String(), Length: r.Length.String()}
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return nil, err
	}
	e, err := c.Read(name+".yaml", text)
	if err != nil {
		return nil, fmt.Errorf("rung %s of %s: %w", r.Name, s.Name, err)
	}
	return experiments.NewPlan(e, experiments.Selection{Scale: "full", Seed: seed})
}
