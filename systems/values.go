package systems

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Knobs are those of a system, in the order in which lists show them. A knob is
// one value, here: roles bind their flags from it, trials make arguments of it.
type Knobs []Knob

// Resolve fills in defaults and checks every given knob. Unknown knobs and
// levels are errors that name what is allowed.
func (ks Knobs) Resolve(given map[string]string) (Values, error) {
	v := make(Values, len(ks))
	for _, k := range ks {
		text, ok := given[k.Name]
		if !ok {
			text = k.Default
		}
		c, err := k.Type.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("knob %s: %w", k.Name, err)
		}
		v[k.Name] = c
	}
	for name := range given {
		if _, err := ks.Knob(name); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Broken says whether something is broken on purpose in a trial.
func (ks Knobs) Broken(v Values) bool {
	return slices.ContainsFunc(ks, func(k Knob) bool { return k.Breaks && v[k.Name] != k.Default })
}

// Knob finds a knob by name.
func (ks Knobs) Knob(name string) (Knob, error) {
	names := make([]string, len(ks))
	for i, k := range ks {
		if k.Name == name {
			return k, nil
		}
		names[i] = k.Name
	}
	return Knob{}, fmt.Errorf("knob %w", &ChoiceError{Word: name, Allowed: names, See: "dyno list"})
}

// With returns the knobs with another default of one of them: what a person
// wants at first need not be what an experiment does.
func (ks Knobs) With(name, preset string) Knobs {
	out := slices.Clone(ks)
	for i := range out {
		if out[i].Name == name {
			out[i].Default = preset
		}
	}
	return out
}

// Bind declares a flag for each named knob and returns the values, which are
// complete once the flags are parsed. A bad value is a usage error there. A
// name that is no knob's is a bug, and panics.
func (ks Knobs) Bind(fs FlagSet, names ...string) Values {
	v, err := ks.Resolve(nil)
	if err != nil {
		panic(err) // a default that its own type refuses: the conformance suite finds it first
	}
	for _, name := range names {
		k, err := ks.Knob(name)
		if err != nil {
			panic(err)
		}
		fs.Var(knobFlag{knob: k, values: v}, k.Name, k.Help+" ("+k.Type.Allowed()+")")
	}
	return v
}

// Resolve is [Knobs.Resolve].
func (s *System) Resolve(given map[string]string) (Values, error) {
	v, err := s.Knobs.Resolve(given)
	if choice := (*ChoiceError)(nil); errors.As(err, &choice) {
		return nil, fmt.Errorf("%w of %s", err, s.Name)
	}
	return v, err
}

// Knob is [Knobs.Knob].
func (s *System) Knob(name string) (Knob, error) {
	k, err := s.Knobs.Knob(name)
	if err != nil {
		err = fmt.Errorf("%w of %s", err, s.Name)
	}
	return k, err
}

type knobFlag struct {
	knob   Knob
	values Values
}

func (f knobFlag) String() string {
	if f.values == nil {
		return ""
	}
	return f.values[f.knob.Name]
}

// Type is what help calls the flag's value.
func (f knobFlag) Type() string { return strings.ToLower(reflect.TypeOf(f.knob.Type).Name()) }

// IsBoolFlag says that the flag needs no value.
func (f knobFlag) IsBoolFlag() bool {
	_, ok := f.knob.Type.(Switch)
	return ok
}

func (f knobFlag) Set(text string) error {
	if text == "true" && f.IsBoolFlag() { // as packages flag and pflag say that there was no value
		text = "on"
	}
	c, err := f.knob.Type.Parse(text)
	if err == nil {
		f.values[f.knob.Name] = c
	}
	return err
}

// Args are the arguments that give a role the same values of some knobs, as
// flags that [Knobs.Bind] declares.
func (v Values) Args(knobs ...string) []string {
	var args []string
	for _, k := range knobs {
		args = append(args, "--"+k, v.Text(k))
	}
	return args
}

// Text returns a knob as it is written.
func (v Values) Text(knob string) string {
	t, ok := v[knob]
	if !ok {
		panic("no knob " + knob)
	}
	return t
}

// On returns a [Switch] knob.
func (v Values) On(knob string) bool { return v.Text(knob) == "on" }

// Int returns a whole-number knob.
func (v Values) Int(knob string) int { return must(strconv.Atoi(v.Text(knob))) }

// Float returns a number knob.
func (v Values) Float(knob string) float64 { return must(strconv.ParseFloat(v.Text(knob), 64)) }

// Duration returns a duration knob.
func (v Values) Duration(knob string) time.Duration { return must(time.ParseDuration(v.Text(knob))) }

// Floats returns a list knob.
func (v Values) Floats(knob string) []float64 {
	if v.Text(knob) == "" {
		return nil
	}
	var out []float64
	for p := range strings.SplitSeq(v.Text(knob), ",") {
		out = append(out, must(strconv.ParseFloat(p, 64)))
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // Resolve checked it
	}
	return v
}
