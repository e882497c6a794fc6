package experiments

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"dyno/internal/record"
	"dyno/systems"
)

// maxFile bounds an experiment file, in bytes.
const maxFile = 1 << 20

// FileError is a mistake in an experiment file.
type FileError struct {
	Path string
	Line int // from 1; 0 when no line is to blame
	Err  error
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
}

// Unwrap returns the mistake without its place.
func (e *FileError) Unwrap() error { return e.Err }

// at builds a FileError for a node.
func at(path string, n *yaml.Node, err error) error {
	var placed *FileError
	if errors.As(err, &placed) {
		return err
	}
	return &FileError{Path: path, Line: n.Line, Err: err}
}

// decode reads the text of an experiment file without knowing any system: the
// keys and types are checked, names are not. It returns the root mapping too,
// for the places of later errors.
func decode(path string, text []byte) (record.Experiment, *yaml.Node, error) {
	var spec record.Experiment
	if len(text) > maxFile {
		return spec, nil, &FileError{Path: path, Err: fmt.Errorf("larger than %d bytes", maxFile)}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return spec, nil, yamlError(path, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return spec, nil, &FileError{Path: path, Line: 1, Err: errors.New("not an experiment: want keys such as name, question, system")}
	}
	root := doc.Content[0]
	if err := checkKeys(path, root, reflect.TypeFor[record.Experiment]()); err != nil {
		return spec, nil, err
	}
	if err := root.Decode(&spec); err != nil {
		return spec, nil, yamlError(path, err)
	}
	for key, into := range map[string]*[]record.Sweep{"core": &spec.Core, "detail": &spec.Detail} {
		if n := child(root, key); n != nil {
			sweeps, err := decodeSweeps(path, key, n)
			if err != nil {
				return spec, nil, err
			}
			*into = sweeps
		}
	}
	return spec, root, nil
}

// decodeSweeps reads a list of mappings from knob to levels, in order.
func decodeSweeps(path, key string, n *yaml.Node) ([]record.Sweep, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, at(path, n, fmt.Errorf("%s wants a list of sweeps such as - {policy: [round_robin], clients: [10, 100]}", key))
	}
	var out []record.Sweep
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			return nil, at(path, item, fmt.Errorf("a sweep in %s maps knobs to lists of levels", key))
		}
		var sweep record.Sweep
		for i := 0; i < len(item.Content); i += 2 {
			var levels []string
			if err := item.Content[i+1].Decode(&levels); err != nil || len(levels) == 0 {
				return nil, at(path, item.Content[i+1], fmt.Errorf("knob %s wants a list of levels such as [10, 100]", item.Content[i].Value))
			}
			sweep = append(sweep, record.Factor{Knob: item.Content[i].Value, Levels: levels})
		}
		out = append(out, sweep)
	}
	return out, nil
}

// sweepKeys are read by decodeSweeps, which keeps their order; the struct's
// own fields are hidden from the YAML decoder.
var sweepKeys = []string{"core", "detail"}

// checkKeys walks mappings along the Go types they are to be decoded into and
// reports the first key that no field has, and the first key given twice.
func checkKeys(path string, n *yaml.Node, t reflect.Type) error {
	switch {
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := yamlFields(t)
		allowed := slices.Sorted(func(yield func(string) bool) {
			for name := range fields {
				if !yield(name) {
					return
				}
			}
		})
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			ft, ok := fields[key.Value]
			if !ok {
				return at(path, key, fmt.Errorf("unknown key %w", &systems.ChoiceError{Word: key.Value, Allowed: allowed}))
			}
			if err := checkKeys(path, n.Content[i+1], ft); err != nil {
				return err
			}
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 1; i < len(n.Content); i += 2 {
			if err := checkKeys(path, n.Content[i], t.Elem()); err != nil {
				return err
			}
		}
	case n.Kind == yaml.ScalarNode && t == reflect.TypeFor[record.Seconds]():
		if err := n.Decode(new(record.Seconds)); err != nil {
			return at(path, n, err) // the decoder itself would not say where
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, c := range n.Content {
			if err := checkKeys(path, c, t.Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for f := range t.Fields() {
		if tag := f.Tag.Get("yaml"); tag != "" && tag != "-" {
			fields[tag] = f.Type
		}
	}
	if t == reflect.TypeFor[record.Experiment]() {
		for _, k := range sweepKeys {
			fields[k] = reflect.TypeFor[any]()
		}
	}
	return fields
}

// child returns the value under a key of a mapping, or nil.
func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// yamlError turns the decoder's "yaml: line 3: …" into file:line form.
func yamlError(path string, err error) error {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return &FileError{Path: path, Err: errors.New(strings.TrimPrefix(text, "yaml: "))}
	}
	line, _ := strconv.Atoi(m[1])
	return &FileError{Path: path, Line: line, Err: errors.New(m[2])}
}
