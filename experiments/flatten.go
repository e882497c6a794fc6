package experiments

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what aliases may blow a file up to.
const maxNodes = 200_000

// flattener brings a document into the form that is read: mappings from words,
// lists and scalars. What YAML would read into something that the text does
// not say plainly is refused: keys given twice, merge keys, tags. An alias is
// replaced by what it stands for, so that every later check sees it.
type flattener struct {
	path  string
	nodes int
	open  []*yaml.Node // from the root to the node at hand
}

func (f *flattener) flatten(n *yaml.Node) error {
	if f.nodes++; f.nodes > maxNodes {
		return at(f.path, n, fmt.Errorf("more than %d values, once aliases are written out", maxNodes))
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return at(f.path, n, fmt.Errorf("tag %s is not read: write the value alone, a text in quotes", n.ShortTag()))
	}
	f.open = append(f.open, n)
	defer func() { f.open = f.open[:len(f.open)-1] }()
	if n.Kind == yaml.MappingNode {
		if err := f.keys(n); err != nil {
			return err
		}
	}
	for i, c := range n.Content {
		if c.Kind == yaml.AliasNode {
			if slices.Contains(f.open, c.Alias) {
				return at(f.path, c, fmt.Errorf("*%s stands within what it stands for", c.Value))
			}
			n.Content[i] = c.Alias
		}
		if err := f.flatten(n.Content[i]); err != nil {
			return err
		}
	}
	return nil
}

// keys checks those of one mapping.
func (f *flattener) keys(n *yaml.Node) error {
	first := make(map[string]int)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			return at(f.path, key, errors.New("a key must be a word, written out"))
		case key.ShortTag() == "!!merge":
			return at(f.path, key, errors.New("a merge key (<<) is not read: write the keys out"))
		case twice:
			return at(f.path, key, fmt.Errorf("key %q is given twice, first in line %d: give it once", key.Value, line))
		}
		first[key.Value] = key.Line
	}
	return nil
}
