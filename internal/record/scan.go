package record

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// scanner reads JSON from left to right, once, as [Head.Add] writes it: without
// blanks and nulls. Package json reads most of it twice, and values with a decoder
// of their own four times. At whatever it is not ready for, the scanner fails, and
// package json is asked.
type scanner struct {
	rest   []byte
	fresh  bool // of what was opened last, nothing was read yet
	failed bool

	// What comes again and again is held in memory once.
	words  map[string]string
	values map[string]Values
	loads  map[string]Load
}

func newScanner() *scanner {
	return &scanner{words: make(map[string]string), values: make(map[string]Values), loads: make(map[string]Load)}
}

func (s *scanner) fail() { s.rest, s.failed = nil, true }

func (s *scanner) eat(c byte) {
	if len(s.rest) == 0 || s.rest[0] != c {
		s.fail()
		return
	}
	s.rest = s.rest[1:]
}

// open enters an object or a list.
func (s *scanner) open(c byte) {
	s.eat(c)
	s.fresh = true
}

// more reports whether there is another part before the end of an object or a list.
func (s *scanner) more(end byte) bool {
	first := s.fresh
	s.fresh = false
	switch {
	case len(s.rest) == 0:
		s.fail()
		return false
	case s.rest[0] == end:
		s.rest = s.rest[1:]
		return false
	case !first:
		s.eat(',')
	}
	return !s.failed
}

// key is a part's name.
func (s *scanner) key() []byte {
	name := s.quoted()
	s.eat(':')
	return name
}

// quoted is what stands between quotes, if that is what it means.
func (s *scanner) quoted() []byte {
	s.eat('"')
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 || bytes.IndexByte(s.rest[:end], '\\') >= 0 {
		s.fail()
		return nil
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	return text
}

// text is a string that may hold anything.
func (s *scanner) text() (out string) {
	raw := s.skip()
	if len(raw) < 2 || raw[0] != '"' {
		s.fail()
		return ""
	}
	inner := raw[1 : len(raw)-1]
	odd := func(c rune) bool { return c == '\\' || c < ' ' || c == utf8.RuneError }
	if !bytes.ContainsFunc(inner, odd) {
		return string(inner)
	}
	s.other(raw, &out)
	return out
}

// word is a string that will come again.
func (s *scanner) word() string {
	text := s.quoted()
	word, known := s.words[string(text)]
	if !known && !utf8.Valid(text) {
		s.fail()
	} else if !known {
		word = string(text)
		s.words[word] = word
	}
	return word
}

func (s *scanner) boolean() bool {
	switch string(s.skip()) {
	case "true":
		return true
	case "false":
	default:
		s.fail()
	}
	return false
}

// number is the text of a number.
func (s *scanner) number() []byte {
	n := 0
	for ; n < len(s.rest); n++ {
		if c := s.rest[n]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			break
		}
	}
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

func (s *scanner) float() float64 {
	v, err := strconv.ParseFloat(string(s.number()), 64)
	if err != nil {
		s.fail()
	}
	return v
}

func (s *scanner) integer() int64 {
	v, err := strconv.ParseInt(string(s.number()), 10, 64)
	if err != nil {
		s.fail()
	}
	return v
}

// skip reads over a value, and returns its text.
func (s *scanner) skip() []byte {
	depth, i := 0, 0
	for ; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '"':
			for i++; i < len(s.rest) && s.rest[i] != '"'; i++ {
				if s.rest[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth--; depth < 0 { // a number's end is that of what it is in
				return s.take(i)
			}
		case ',':
			if depth == 0 {
				return s.take(i)
			}
			continue
		default:
			continue
		}
		if depth == 0 && i < len(s.rest) {
			return s.take(i + 1)
		}
	}
	s.fail()
	return nil
}

func (s *scanner) take(n int) []byte {
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

// other reads a value whose text is rare, or odd.
func (s *scanner) other(text []byte, v any) {
	if s.failed || json.Unmarshal(text, v) != nil {
		s.fail()
	}
}

// again reads a value that will come again.
func again[T any](s *scanner, known map[string]T) T {
	text := s.skip()
	v, ok := known[string(text)]
	if !ok {
		s.other(text, &v)
		known[string(text)] = v
	}
	return v
}
