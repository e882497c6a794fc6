package branches

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is a mistake in a file, and where it is.
type Error struct {
	Line, Column int    // from 1, in bytes
	Path         string // such as [0].events[2].money; "" for the file, or text that is no JSON
	What         string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.What)
	}
	return fmt.Sprintf("line %d, column %d, %s: %s", e.Line, e.Column, e.Path, e.What)
}

// value is a piece of JSON that knows where it stands.
type value struct {
	text   []byte // of the file
	at     int    // offset in it
	parent *value
	name   string // in its object, or [i] in its array
	is     any    // string, bool, nil, json.Number, []*value, or fields
}

type fields []*value

func position(text []byte, at int) (line, column int) {
	before := text[:min(at, len(text))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

func (v *value) path() string {
	if v.parent == nil {
		return ""
	}
	if strings.HasPrefix(v.name, "[") {
		return v.parent.path() + v.name
	}
	return v.parent.path() + "." + v.name
}

func (v *value) place() string {
	line, column := position(v.text, v.at)
	return fmt.Sprintf("line %d, column %d", line, column)
}

func (v *value) fail(format string, args ...any) error {
	line, column := position(v.text, v.at)
	return &Error{line, column, v.path(), fmt.Sprintf(format, args...)}
}

// parse reads one JSON text.
func parse(text []byte) (*value, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return nil, malformed(text, err)
	}
	p := parser{text: text, tokens: json.NewDecoder(bytes.NewReader(text))}
	p.tokens.UseNumber()
	return p.value(nil, "")
}

func malformed(text []byte, err error) error {
	syntax := new(json.SyntaxError)
	if !errors.As(err, &syntax) {
		return err
	}
	at := max(int(syntax.Offset)-1, 0)
	what := "not JSON: " + syntax.Error()
	if at < len(text) && (text[at] == ']' || text[at] == '}') && bytes.HasSuffix(bytes.TrimSpace(text[:at]), []byte(",")) {
		what = fmt.Sprintf("not JSON: a comma stands before this %q: remove the comma", text[at])
	}
	line, column := position(text, at)
	return &Error{line, column, "", what}
}

// parser builds values from a text that is known to be JSON.
type parser struct {
	text   []byte
	tokens *json.Decoder
}

func (p *parser) value(parent *value, name string) (*value, error) {
	at := int(p.tokens.InputOffset())
	at += len(p.text[at:]) - len(bytes.TrimLeft(p.text[at:], " \t\r\n,:"))
	v := &value{text: p.text, at: at, parent: parent, name: name}
	token, err := p.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		err = p.elements(v)
	case json.Delim('{'):
		err = p.fields(v)
	default:
		v.is = token
	}
	return v, err
}

func (p *parser) elements(v *value) error {
	var all []*value
	for p.tokens.More() {
		e, err := p.value(v, fmt.Sprintf("[%d]", len(all)))
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	v.is = all
	_, err := p.tokens.Token()
	return err
}

func (p *parser) fields(v *value) error {
	var all fields
	named := make(map[string]bool)
	for p.tokens.More() {
		key, err := p.tokens.Token()
		if err != nil {
			return err
		}
		name := key.(string)
		f, err := p.value(v, name)
		if err != nil {
			return err
		}
		if named[name] {
			return f.fail("%q is there twice in one object", name)
		}
		named[name] = true
		all = append(all, f)
	}
	v.is = all
	_, err := p.tokens.Token()
	return err
}

// array is what a list holds.
func (v *value) array(what string) ([]*value, error) {
	all, ok := v.is.([]*value)
	if !ok {
		return nil, v.fail("%s is not an array: write [ … ]", what)
	}
	return all, nil
}

// only refuses what is no object, and fields of unknown names: one with a slip in
// its name must not be taken as absent.
func (v *value) only(what string, names ...string) error {
	all, ok := v.is.(fields)
	if !ok {
		return v.fail("%s is not an object: write { … }", what)
	}
	for _, f := range all {
		if !slices.Contains(names, f.name) {
			return f.fail("%s has no field %q, only %s", what, f.name, strings.Join(names, ", "))
		}
	}
	return nil
}

// either is the field that has one of the names; nil if none has.
func (v *value) either(names ...string) (*value, error) {
	all, ok := v.is.(fields)
	if !ok {
		return nil, v.fail("not an object: write { … }")
	}
	var found *value
	for _, f := range all {
		if !slices.Contains(names, f.name) {
			continue
		}
		if found != nil {
			return nil, f.fail("%s and %s mean the same: keep one", found.name, f.name)
		}
		found = f
	}
	return found, nil
}

// need is a field that must be there.
func (v *value) need(names ...string) (*value, error) {
	f, err := v.either(names...)
	if err == nil && f == nil {
		err = v.fail("%s is missing", strings.Join(names, " or "))
	}
	return f, err
}

// number is a field with a whole number.
func (v *value) number(name string, least, most int64) (int64, *value, error) {
	f, err := v.need(name)
	if err != nil {
		return 0, v, err
	}
	n, err := f.whole(least, most)
	return n, f, err
}

func (v *value) whole(least, most int64) (int64, error) {
	number, ok := v.is.(json.Number)
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if !ok || err != nil || n < least || n > most {
		return 0, v.fail("%s is not a whole number from %d to %d, written in digits", v.shown(), least, most)
	}
	return n, nil
}

// word is one of a few words, in any case.
func (v *value) word(words ...string) (string, error) {
	text, _ := v.is.(string)
	word := strings.ToLower(text)
	if !slices.Contains(words, word) {
		return "", v.fail("%s is not one of %s", v.shown(), strings.Join(words, ", "))
	}
	return word, nil
}

// shown is the value as an error quotes it.
func (v *value) shown() string {
	switch is := v.is.(type) {
	case []*value:
		return "an array"
	case fields:
		return "an object"
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%.40q", is)
	default:
		return fmt.Sprintf("%.40v", is)
	}
}
