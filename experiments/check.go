package experiments

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"dyno/internal/record"
	"dyno/systems"
)

// checker tests the names in a decoded file against the catalogue and brings
// levels into canonical form.
type checker struct {
	catalog Catalog
	e       *Experiment
}

// A name must not end in -digits: in the benchmark format that would be read
// as GOMAXPROCS.
var (
	nameForm   = regexp.MustCompile(`^[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	digitsTail = regexp.MustCompile(`-[0-9]+$`)
)

func (k *checker) run() error {
	for _, step := range []func() error{
		k.header, k.impl, k.scales, k.load, k.knobs, k.sweeps, k.figures, k.tables, k.claims, k.controls, k.peers, k.placement,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (k *checker) fail(err error, keys ...string) error { return k.e.blame(err, keys...) }

// Blame places an error, as a usage error, at the value under keys and indices
// of the file, or at the nearest parent that exists.
func (e *Experiment) Blame(err error, keys ...string) error {
	return &systems.UsageError{Err: e.blame(err, keys...)}
}

func (e *Experiment) blame(err error, keys ...string) error {
	for i := len(keys); i > 0; i-- {
		if n := child(e.root, keys[:i]...); n != nil {
			return at(e.Path, n, err)
		}
	}
	return at(e.Path, e.root, err)
}

// check asks the system whether it can measure a cell of a plan, once it is
// known for how long.
func (p *Plan) check(c *Cell) error {
	err := p.System.CheckCell(p.setting(c, p.Seed), c.Values)
	if err != nil {
		err = fmt.Errorf("scale %s, cell %s: %w", p.Scale, c.Label(p.Experiment), err)
		return p.Blame(err, "scales", p.Scale, "length")
	}
	return nil
}

// setting is that of a trial of a cell.
func (p *Plan) setting(c *Cell, seed uint64) systems.Setting {
	return systems.Setting{
		Seed: seed, Load: p.Load, Warmup: c.Warmup, Length: c.Length, Impl: stands(&p.Experiment.Experiment, c.Values),
	}
}

// part checks what every figure, table, claim and control has: a name that
// none before it has, and texts under keys.
func (k *checker) part(what, name string, before []string, texts [][2]string, place []string) error {
	switch {
	case name == "":
		return k.fail(fmt.Errorf("a %s's name %w: want lower-case words joined by hyphens", what, errEmpty), append(place, "name")...)
	case !nameForm.MatchString(name):
		return k.fail(fmt.Errorf("name %q of a %s: want lower-case words joined by hyphens", name, what), append(place, "name")...)
	case slices.Contains(before, name):
		return k.fail(fmt.Errorf("%s %s is given twice", what, name), append(place, "name")...)
	}
	for _, t := range texts {
		if t[1] == "" {
			return k.fail(fmt.Errorf("%s %s: %s %w", what, name, t[0], errEmpty), append(place, t[0])...)
		}
	}
	return nil
}

func (k *checker) header() error {
	e := k.e
	for _, f := range [][2]string{{"name", e.Name}, {"question", e.Question}, {"title", e.Title}, {"system", e.Experiment.System}} {
		if f[1] == "" {
			return k.fail(fmt.Errorf("%s %w", f[0], errEmpty), f[0])
		}
	}
	if !nameForm.MatchString(e.Name) || digitsTail.MatchString(e.Name) {
		return k.fail(fmt.Errorf("name %q: want lower-case words joined by hyphens, the last one not a number", e.Name), "name")
	}
	if e.Name != stem(e.Path) {
		return k.fail(fmt.Errorf("name %q differs from the file's name %q", e.Name, stem(e.Path)), "name")
	}
	var err error
	if e.System, err = k.catalog.system(e.Experiment.System); err != nil {
		return k.fail(err, "system")
	}
	return nil
}

// placement checks the roles that a placement names.
func (k *checker) placement() error {
	if k.e.Placement == nil {
		return nil
	}
	for _, role := range slices.Sorted(maps.Keys(k.e.Placement.Roles)) {
		if _, ok := k.e.System.Lookup(role); !ok {
			var names []string
			for _, r := range k.e.System.Roles {
				names = append(names, r.Name)
			}
			return k.fail(fmt.Errorf("role %w", &systems.ChoiceError{Word: role, Allowed: names}), "placement", role)
		}
	}
	return nil
}

func (k *checker) scales() error {
	for _, name := range slices.Sorted(maps.Keys(k.e.Scales)) {
		s := k.e.Scales[name]
		switch {
		case !slices.Contains(Scales, name):
			return k.fail(fmt.Errorf("scale %w", &systems.ChoiceError{Word: name, Allowed: Scales}), "scales", name)
		case s.Blocks < 1:
			return k.fail(errors.New("blocks must be at least 1"), "scales", name, "blocks")
		case s.ControlBlocks < 0 || s.ControlBlocks > s.Blocks:
			return k.fail(fmt.Errorf("control-blocks must be from 0 (all) to blocks (%d)", s.Blocks), "scales", name, "control-blocks")
		case s.DetailBlocks < 0 || s.DetailBlocks > s.Blocks:
			return k.fail(fmt.Errorf("detail-blocks must be from 0 to blocks (%d)", s.Blocks), "scales", name, "detail-blocks")
		}
		if err := systems.CheckWindow(s.Warmup.Duration(), s.Length.Duration()); err != nil {
			return k.fail(err, "scales", name)
		}
		if err := k.where(s.Only, "scales", name, "only"); err != nil {
			return err
		}
	}
	for _, name := range Scales {
		if _, ok := k.e.Scales[name]; !ok && (name != "quick" || k.e.Flagship) {
			return k.fail(fmt.Errorf("scale %s is missing", name), "scales")
		}
	}
	return nil
}

func (k *checker) knobs() error {
	for _, name := range slices.Sorted(maps.Keys(k.e.Knobs)) {
		c, err := k.level(name, k.e.Knobs[name])
		if err != nil {
			return k.fail(err, "knobs", name)
		}
		k.e.Knobs[name] = c
	}
	return nil
}

// level checks one level of a knob and returns its canonical text.
func (k *checker) level(knob, text string) (string, error) {
	kn, err := k.e.System.Knob(knob)
	if err != nil {
		return "", err
	}
	c, err := kn.Type.Parse(text)
	if err != nil {
		return "", fmt.Errorf("knob %s: %w", knob, err)
	}
	return c, nil
}

func (k *checker) sweeps() error {
	if len(k.e.Core) == 0 {
		return k.fail(fmt.Errorf("core %w: at least one sweep is needed", errEmpty), "core")
	}
	for i, sweep := range k.e.Core {
		if err := k.sweep(sweep, "core", strconv.Itoa(i)); err != nil {
			return err
		}
	}
	for i, sweep := range k.e.Detail {
		if err := k.sweep(sweep, "detail", strconv.Itoa(i)); err != nil {
			return err
		}
	}
	_, err := cells(k.e)
	if err != nil {
		return k.fail(err, "core")
	}
	return nil
}

func (k *checker) sweep(sweep record.Sweep, place ...string) error {
	for _, f := range sweep {
		if _, fixed := k.e.Knobs[f.Knob]; fixed {
			return k.fail(fmt.Errorf("knob %s is both fixed under knobs and swept", f.Knob), append(place, f.Knob)...)
		}
		for i, text := range f.Levels {
			c, err := k.level(f.Knob, text)
			if err == nil && slices.Contains(f.Levels[:i], c) {
				err = fmt.Errorf("knob %s: level %s is given twice", f.Knob, c)
			}
			if err != nil {
				return k.fail(err, append(place, f.Knob, strconv.Itoa(i))...)
			}
			f.Levels[i] = c
		}
	}
	return nil
}

// metric checks the name of a metric of the wanted kind; a quantile of a
// histogram counts as a scalar.
func (k *checker) metric(name string, want record.Kind) error {
	if base, yardstick, ok := record.Per(name); ok {
		return k.relative(base, yardstick, want)
	}
	base := name
	if h, _, ok := record.Quantile(name); ok {
		base = h
	}
	var allowed []string
	for _, m := range k.e.System.Metrics {
		isQuantile := base != name
		if m.Name == base && ((m.Kind == want && !isQuantile) || (want == record.KindScalar && isQuantile && m.Kind == record.KindHistogram)) {
			return nil
		}
		switch {
		case m.Kind == want:
			allowed = append(allowed, m.Name)
		case want == record.KindScalar && m.Kind == record.KindHistogram:
			allowed = append(allowed, m.Name+".mean", m.Name+".p50", m.Name+".p99")
		}
	}
	return fmt.Errorf("metric %w", &systems.ChoiceError{Word: name, Allowed: allowed})
}

func (k *checker) sweptKnob(knob string) error {
	all := swept(&k.e.Experiment)
	if slices.Contains(all, knob) {
		return nil
	}
	return fmt.Errorf("knob %w that are swept", &systems.ChoiceError{Word: knob, Allowed: all})
}

// where checks a filter, which stands at a place, and makes its levels
// canonical.
func (k *checker) where(w record.Where, place ...string) error {
	for _, knob := range slices.Sorted(maps.Keys(w)) {
		place := append(slices.Clone(place), knob)
		if err := k.sweptKnob(knob); err != nil {
			return k.fail(err, place...)
		}
		if len(w[knob]) == 0 {
			return k.fail(fmt.Errorf("no level of knob %s is listed, so no cell would be kept", knob), place...)
		}
		for i, text := range w[knob] {
			c, err := k.level(knob, text)
			if known := levels(&k.e.Experiment, knob); err == nil && !slices.Contains(known, c) {
				err = fmt.Errorf("level %w of knob %s", &systems.ChoiceError{Word: c, Allowed: known}, knob)
			}
			if err != nil {
				return k.fail(err, append(place, strconv.Itoa(i))...)
			}
			w[knob][i] = c
		}
	}
	return nil
}
