package ladder

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"dyno/experiments"
	"dyno/internal/record"
	"dyno/systems"
)

// Book is a system's contract.yaml: what programs owe that stand in for its roles,
// and what they climb. All of it is data; one runner climbs the ladders of all.
type Book struct {
	Roles  []Duty `yaml:"roles"`
	Ladder []Rung `yaml:"ladder"`
}

// Duty is what a role owes to those around it. The bench gives a program that
// stands in for it the role's own command line, from the first flag on, and its
// environment.
type Duty struct {
	Role     string   `yaml:"role"`
	Calls    []Call   `yaml:"calls"`    // that the bench and the other roles make, first the role's Probe
	Promises []string `yaml:"promises"` // what holds however often, in parallel and amid faults it is called
	Term     string   `yaml:"term"`     // what happens at SIGTERM
	Kill     string   `yaml:"kill"`     // what must survive kill -9
	Private  string   `yaml:"private"`  // what the roles tell each other that is nobody else's business; empty: nothing
}

// Call is one RPC of a contract.
type Call struct {
	Method string `yaml:"method"` // "Service/Method" of the system's package
	Does   string `yaml:"does"`   // what it does, one sentence
}

// Rung is one step of a ladder: a short trial whose proof says whether one promise
// more is kept than on the rung below.
type Rung struct {
	Name    string            `yaml:"rung"`    // lower-case words joined by hyphens, the last one no number
	Promise string            `yaml:"promise"` // what must hold, one sentence
	Knobs   map[string]string `yaml:"knobs"`   // those that differ from the system's defaults; faults among them
	Loop    string            `yaml:"loop"`    // load model; empty: closed
	Warmup  time.Duration     `yaml:"warmup"`
	Length  time.Duration     `yaml:"length"`

	// MaxFailures is the share of operations that may fail, as experiment files
	// write it ("5%"); empty: their default. A rung with faults needs room.
	MaxFailures string `yaml:"max-failures"`

	// Costs names metrics that are measured in turns with those of dyno's own
	// roles, block by block, and told beside them; such a rung holds when all its
	// trials are valid. Empty: the rung is about promises.
	Costs []string `yaml:"costs"`
}

// Read reads the book of a system; that of one without is empty.
func Read(s *systems.System) (b Book, err error) {
	d := yaml.NewDecoder(strings.NewReader(s.Contract))
	d.KnownFields(true)
	if err := d.Decode(&b); err != nil && !errors.Is(err, io.EOF) {
		return b, fmt.Errorf("contract.yaml of %s: %w", s.Name, err)
	}
	return b, nil
}

// Duty finds what a role owes.
func (b Book) Duty(role string) Duty {
	if i := slices.IndexFunc(b.Roles, func(d Duty) bool { return d.Role == role }); i >= 0 {
		return b.Roles[i]
	}
	return Duty{}
}

// Full is the full name of a call's RPC: "/package.Service/Method".
func (c Call) Full(s *systems.System) string { return "/dyno." + s.Name + ".v1." + c.Method }

// Names are those of rungs.
func Names(rungs []Rung) (out []string) {
	for _, r := range rungs {
		out = append(out, r.Name)
	}
	return out
}

// Check refuses a book that does not fit its system, or a ladder that could not be
// climbed, so that a mistake in it is found before it stops somebody half way up.
func Check(c experiments.Catalog, s *systems.System) error {
	b, err := Read(s)
	if err != nil {
		return err
	}
	for _, r := range s.Roles {
		if d := b.Duty(r.Name); (r.Probe != "") != (len(d.Calls) > 0) || r.Probe != "" && d.Calls[0].Full(s) != r.Probe {
			return fmt.Errorf("role %s of %s: its probe is %q, and not the first call of its contract", r.Name, s.Name, r.Probe)
		}
	}
	for _, d := range b.Roles {
		for _, call := range d.Calls {
			name := strings.ReplaceAll(call.Full(s)[1:], "/", ".")
			if _, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name)); err != nil {
				return fmt.Errorf("role %s of %s: %s: %w", d.Role, s.Name, call.Method, err)
			}
		}
	}
	for i, r := range b.Ladder {
		if slices.Contains(Names(b.Ladder[:i]), r.Name) {
			return fmt.Errorf("%s has two rungs %s", s.Name, r.Name)
		}
		if _, err := Plan(c, s, r, nil, 1); err != nil {
			return err
		}
		for _, m := range r.Costs {
			name, _, quantile := record.Quantile(m)
			if !quantile {
				name = m
			}
			if _, ok := s.Metric(name); !ok {
				return fmt.Errorf("rung %s of %s: there is no metric %s", r.Name, s.Name, m)
			}
		}
		if len(r.Knobs) == 0 {
			return fmt.Errorf("rung %s of %s sets no knob", r.Name, s.Name)
		}
	}
	return nil
}
