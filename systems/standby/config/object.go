package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"dyno/systems"
)

// source is a file's text and its name, for errors.
type source struct {
	name string
	text []byte
}

// read reads a file whole.
func read(path, example string) (source, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		missing := missingError(fmt.Sprintf("%s: there is no such file; write one, for example %s", path, example))
		return source{}, &systems.UsageError{Err: missing}
	}
	if err != nil {
		return source{}, systems.Usagef("%w", err)
	}
	return newSource(path, text), nil
}

// missingError says that a file is not there.
type missingError string

func (e missingError) Error() string { return string(e) }

// Is makes it [fs.ErrNotExist].
func (missingError) Is(target error) bool { return target == fs.ErrNotExist }

// newSource leaves out a byte order mark.
func newSource(name string, text []byte) source {
	return source{name, bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))}
}

// errorf is a mistake in a line, counted from 1.
func (s source) errorf(line int, format string, args ...any) error {
	return systems.Usagef("%s:%d: %w", s.name, line, fmt.Errorf(format, args...))
}

// lineAt is the number of the line that holds the byte before an offset.
func (s source) lineAt(offset int64) int {
	return 1 + bytes.Count(s.text[:max(0, min(int(offset)-1, len(s.text)))], []byte("\n"))
}

// member is one pair of a JSON object, and the line that its value ends on.
type member struct {
	key   string
	value json.Token
	line  int
}

// object walks a JSON object of simple values. A key that comes twice is an
// error, as is anything after the object.
func (s source) object(visit func(member) error) error {
	d := json.NewDecoder(bytes.NewReader(s.text))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return s.malformed(d, err, "it does not begin with {")
	}
	seen := map[string]int{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return s.malformed(d, err, "")
		}
		value, err := d.Token()
		if err != nil {
			return s.malformed(d, err, "")
		}
		m := member{key.(string), value, s.lineAt(d.InputOffset())} // keys are strings, or the decoder complains
		if first, twice := seen[m.key]; twice {
			return s.errorf(m.line, "%q comes again; it is on line %d already", m.key, first)
		}
		seen[m.key] = m.line
		if err := visit(m); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return s.malformed(d, err, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s.malformed(d, nil, "there is more after the object")
	}
	return nil
}

// malformed says where a text stops being a JSON object.
func (s source) malformed(d *json.Decoder, err error, why string) error {
	offset := d.InputOffset()
	rest := s.text[offset:]
	offset += int64(len(rest) - len(bytes.TrimLeft(rest, " \t\r\n")))
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		offset, why = int64(len(s.text))-1, "it ends too early"
	case err != nil:
		why = err.Error()
	}
	return s.errorf(s.lineAt(offset+1), "not a JSON object: %s", why)
}
