package experiments

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
)

// knobImpl is the knob of an experiment with implementations: which of them a
// cell measures.
const knobImpl = "impl"

// impl checks the implementations of a file.
func (k *checker) impl() error {
	e := k.e
	for _, label := range e.Impl.Labels() {
		place := []string{"impl", label}
		switch {
		case label == systems.Own:
			return k.fail(fmt.Errorf("%s is the label of dyno's own roles: choose another", label), place...)
		case !nameForm.MatchString(label) || digitsTail.MatchString(label):
			return k.fail(fmt.Errorf("label %q: want lower-case words joined by hyphens, the last one not a number", label), place...)
		case len(e.Impl[label]) == 0:
			return k.fail(errors.New("name at least one role, such as {branch: python3 branch.py}"), place...)
		}
		if err := e.System.Admit(e.Impl[label]); err != nil {
			return k.fail(err, place...)
		}
	}
	e.System = standing(e.System, e.Impl)
	return nil
}

// standing is a system with the knob that chooses an implementation.
func standing(s *systems.System, impls record.Impls) *systems.System {
	if len(impls) == 0 {
		return s
	}
	labels, preset := impls.Labels(), systems.Own
	if slices.Equal(labels, []string{record.Given}) {
		preset = record.Given // there is one for all cells
	}
	with := *s
	with.Knobs = append(slices.Clone(s.Knobs), systems.Knob{
		Name: knobImpl, Default: preset, Type: systems.Choice(append([]string{systems.Own}, labels...)),
		Help: "whose implementation: " + systems.Own + "'s own, or another one that the experiment names",
	})
	return &with
}

// Stand has all cells of an experiment measure commands in place of roles.
func (e *Experiment) Stand(i systems.Impl) error {
	if len(i) == 0 {
		return nil
	}
	if len(e.Impl) > 0 {
		return systems.Usagef("--impl: %s names its implementations itself (impl:)", e.Path)
	}
	if err := e.System.Admit(i); err != nil {
		return err
	}
	e.Impl = record.Impls{record.Given: i}
	e.System = standing(e.System, e.Impl)
	return nil
}

// stands are the commands that stand in for roles in a cell.
func stands(e *record.Experiment, v systems.Values) systems.Impl {
	return systems.Impl(e.Impl[v[knobImpl]])
}

// stamp tells a run with implementations from one with others, or with none: by
// the commands, and by what is in the files that they name.
func stamp(binary string, impls record.Impls) string {
	if len(impls) == 0 {
		return binary
	}
	h := sha256.New()
	fmt.Fprintln(h, binary)
	for _, label := range impls.Labels() {
		for _, role := range slices.Sorted(maps.Keys(impls[label])) {
			command := impls[label][role]
			fmt.Fprintf(h, "%q %q %q\n", label, role, command)
			for word := range strings.FieldsSeq(command) {
				word = strings.Trim(word, `'"`)
				if info, err := os.Stat(word); err != nil || !info.Mode().IsRegular() {
					continue
				}
				if sum, err := fingerprint(word); err == nil {
					fmt.Fprintln(h, sum)
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
