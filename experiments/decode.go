package experiments

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"dyno/internal/record"
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

// decode reads the text of an experiment file without knowing any system: its
// form, keys and types are checked, names are not. It returns the root mapping
// too, for the places of later errors.
func decode(path string, text []byte) (record.Experiment, *yaml.Node, error) {
	var spec record.Experiment
	if len(text) > maxFile {
		return spec, nil, &FileError{Path: path, Err: fmt.Errorf("larger than %d bytes", maxFile)}
	}
	root, err := document(path, text)
	if err != nil {
		return spec, nil, err
	}
	if err := (&flattener{path: path}).flatten(root); err != nil {
		return spec, nil, err
	}
	if err := (filler{path}).fill(root, "", reflect.ValueOf(&spec).Elem()); err != nil {
		return spec, nil, err
	}
	return spec, root, nil
}

// document parses a text that holds one mapping, and nothing after it.
func document(path string, text []byte) (*yaml.Node, error) {
	in := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := in.Decode(&doc); {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, yamlError(path, text, err)
	case len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode:
		return nil, &FileError{Path: path, Line: 1, Err: errors.New("not an experiment: want keys such as name, question, system")}
	}
	switch err := in.Decode(&next); {
	case err == nil:
		return nil, at(path, &next, errors.New("a second document begins here: a file holds one experiment, without --- in between"))
	case !errors.Is(err, io.EOF):
		return nil, yamlError(path, text, err)
	}
	return doc.Content[0], nil
}

// child returns the value under a path of keys, and of indices of lists, or
// nil.
func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == key {
					next = n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
			}
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

var (
	yamlLine   = regexp.MustCompile(`line (\d+): (.*)`)
	yamlAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// yamlHints say in plain words what the library's most frequent complaints
// about a beginner's file mean.
var yamlHints = map[string]string{
	"found character that cannot start any token": "lines are indented with blanks, not tabs, and a text that begins with a sign such " +
		"as @ or % goes in quotes",
	"found a tab character that violates indentation": "lines are indented with blanks, not tabs",
	"mapping values are not allowed in this context":  "a text with a colon goes in quotes; or the line is indented too far",
	"did not find expected '-' indicator":             "in what begins in this line, lines that belong together are not indented alike",
	"did not find expected key":                       "in what begins in this line, lines that belong together are not indented alike",
	"did not find expected ',' or ']'":                "the list that begins in this line is not closed, or a comma is missing",
	"did not find expected ',' or '}'":                "the mapping that begins in this line is not closed, or a comma is missing",
}

// yamlError turns the library's "yaml: line 3: …" into file:line form. It counts
// lines from 0 where its grammar is at fault, from 1 where its words are, and
// not at all where an anchor is missing.
func yamlError(path string, text []byte, err error) error {
	words := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(words); m != nil {
		line, _ := strconv.Atoi(m[1])
		if strings.HasPrefix(m[2], "did not find expected") {
			line++
		}
		words = m[2]
		if hint, ok := yamlHints[words]; ok {
			words += ": " + hint
		}
		return &FileError{Path: path, Line: line, Err: errors.New(words)}
	}
	line := 0
	if m := yamlAnchor.FindStringSubmatch(words); m != nil {
		if before, _, ok := bytes.Cut(text, []byte("*"+m[1])); ok {
			line = 1 + bytes.Count(before, []byte("\n"))
		}
	}
	return &FileError{Path: path, Line: line, Err: errors.New(words)}
}
