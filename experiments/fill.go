package experiments

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"dyno/internal/record"
	"dyno/systems"
)

// filler puts the nodes of a file into Go values. It stands in for the YAML
// library's own decoder, which reads 2.9 into a whole number as 2 and 010 as 8,
// skips an empty item, and says none of it.
type filler struct{ path string }

// unmarshaler is a type that reads a text of its own form.
type unmarshaler interface {
	UnmarshalYAML(decode func(any) error) error
}

// Numbers as experiment files write them: decimal digits, no leading 0.
var (
	wholeForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	numberForm = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?$`)
)

// fill reads a node into v; name is what errors call it.
func (f filler) fill(n *yaml.Node, name string, v reflect.Value) error {
	if n.ShortTag() == "!!null" {
		return f.fail(n, name, empty(name, n))
	}
	if u, ok := v.Addr().Interface().(unmarshaler); ok {
		if err := u.UnmarshalYAML(func(into any) error { return f.fill(n, name, reflect.ValueOf(into).Elem()) }); err != nil {
			return f.fail(n, name, err)
		}
		return nil
	}
	if sweep, ok := v.Addr().Interface().(*record.Sweep); ok {
		return f.sweep(n, name, sweep)
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return f.fill(n, name, v.Elem())
	case reflect.Struct:
		return f.fields(n, name, v)
	case reflect.Map:
		return f.entries(n, name, v)
	case reflect.Slice:
		return f.items(n, name, v)
	}
	if n.Kind != yaml.ScalarNode {
		return f.fail(n, name, errors.New("want one value, not a list or a mapping; a text that holds one goes in quotes"))
	}
	if err := f.scalar(n, v); err != nil {
		return f.fail(n, name, err)
	}
	return nil
}

// empty says that a value is missing, and what may have been meant.
func empty(name string, n *yaml.Node) error {
	switch {
	case n.Value == "" && strings.Contains(name, ":"):
		return errors.New("the value is empty: a blank must follow the colon")
	case n.Value == "" && wholeForm.MatchString(name):
		return errors.New("the value is empty: a text with commas goes in quotes")
	}
	return errors.New("the value is empty: give one (a text may be '' in quotes), or leave it out")
}

// fail blames a node by its place and its name.
func (f filler) fail(n *yaml.Node, name string, err error) error {
	if !errors.As(err, new(*FileError)) && name != "" {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return at(f.path, n, err)
}

// fields reads a mapping whose keys are those of a struct.
func (f filler) fields(n *yaml.Node, name string, v reflect.Value) error {
	fields := make(map[string]int)
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			fields[tag] = i
		}
	}
	allowed := slices.Sorted(maps.Keys(fields))
	if n.Kind != yaml.MappingNode {
		return f.fail(n, name,
			fmt.Errorf("want keys with values, such as {%s: …}; the keys are %s", v.Type().Field(0).Tag.Get("yaml"), strings.Join(allowed, ", ")))
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		field, ok := fields[key.Value]
		if !ok {
			return at(f.path, key, fmt.Errorf("unknown key %w", &systems.ChoiceError{Word: key.Value, Allowed: allowed}))
		}
		if err := f.fill(n.Content[i+1], key.Value, v.Field(field)); err != nil {
			return err
		}
	}
	return nil
}

// entries reads a mapping whose keys are names.
func (f filler) entries(n *yaml.Node, name string, v reflect.Value) error {
	if n.Kind != yaml.MappingNode {
		return f.fail(n, name, errors.New("want names with values, such as {clients: …}"))
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i < len(n.Content); i += 2 {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := f.fill(n.Content[i+1], n.Content[i].Value, value); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(n.Content[i].Value), value)
	}
	return nil
}

func (f filler) items(n *yaml.Node, name string, v reflect.Value) error {
	if n.Kind != yaml.SequenceNode {
		return f.fail(n, name, fmt.Errorf("want a list, such as [%s]", example(n, v.Type().Elem())))
	}
	for i, c := range n.Content {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := f.fill(c, fmt.Sprintf("item %d of %s", i+1, name), item); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
	}
	return nil
}

// example is what may stand in a list: what was given without one, if it can.
func example(n *yaml.Node, item reflect.Type) string {
	switch {
	case n.Kind == yaml.ScalarNode && item.Kind() == reflect.String:
		return n.Value
	case item == reflect.TypeFor[record.Sweep]():
		return "{policy: [round_robin], clients: [10, 100]}"
	}
	return "{…}, {…}"
}

// sweep reads a mapping from knobs to lists of levels; unlike a map it keeps
// their order.
func (f filler) sweep(n *yaml.Node, name string, into *record.Sweep) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return f.fail(n, name, errors.New("a sweep maps knobs to lists of levels, such as {clients: [10, 100]}"))
	}
	for i := 0; i < len(n.Content); i += 2 {
		factor := record.Factor{Knob: n.Content[i].Value}
		levels := reflect.ValueOf(&factor.Levels).Elem()
		if err := f.fill(n.Content[i+1], "knob "+factor.Knob, levels); err != nil {
			return err
		}
		if len(factor.Levels) == 0 {
			return at(f.path, n.Content[i+1], fmt.Errorf("knob %s wants a list of levels such as [10, 100]", factor.Knob))
		}
		*into = append(*into, factor)
	}
	return nil
}

// scalar reads a value that is neither a list nor a mapping.
func (f filler) scalar(n *yaml.Node, v reflect.Value) error {
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if v.Kind() != reflect.String && !plain {
		return fmt.Errorf("%q is a text: leave the quotes out", n.Value)
	}
	switch v.Kind() {
	case reflect.String:
		if tag := n.ShortTag(); (tag == "!!int" || tag == "!!float") && !numberForm.MatchString(n.Value) {
			return fmt.Errorf("%s is a number to YAML that reads otherwise: write it in decimal digits without a leading 0, or as '%s' for the "+
				"text", n.Value, n.Value)
		}
		v.SetString(n.Value)
	case reflect.Bool:
		c, err := systems.Choice{"true", "false"}.Parse(n.Value)
		if err != nil {
			return err
		}
		v.SetBool(c == "true")
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if err != nil || !wholeForm.MatchString(n.Value) {
			return fmt.Errorf("%s is not a whole number: write it in decimal digits, such as 3", n.Value)
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsInf(x, 0) || !numberForm.MatchString(n.Value) {
			return fmt.Errorf("%s is not a number: write it in decimal digits, such as 0.05", n.Value)
		}
		v.SetFloat(x)
	default:
		return fmt.Errorf("no way to read a %s", v.Kind())
	}
	return nil
}
