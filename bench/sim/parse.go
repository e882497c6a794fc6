package sim

import (
	"strconv"
	"strings"
	"time"
)

// ParseSchedule reads what [Schedule.String] wrote. Empty lines, and what
// follows a #, are skipped. An error names the line.
func ParseSchedule(text string) (Schedule, error) {
	var out Schedule
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		f, err := parseFault(words)
		if err != nil {
			return nil, misused("line %d: %q: %s", number, strings.TrimSpace(line), strings.TrimPrefix(err.Error(), "sim: "))
		}
		out = append(out, f)
	}
	return out, nil
}

// reader takes the words of a line one by one; the first error stays.
type reader struct {
	words []string
	err   error
}

func parseFault(words []string) (Fault, error) {
	r := &reader{words: words}
	f := Fault{At: r.duration("the time")}
	f.Kind = Kind(r.next("a kind of fault"))
	if r.err != nil {
		return f, r.err
	}
	has, err := formOf(f.Kind)
	if err != nil {
		return f, err
	}
	if has.node {
		f.Node = r.next("a node")
	}
	if has.p {
		f.P = r.share("a probability")
	}
	if has.delay {
		f.Delay = r.duration("a duration")
	}
	if has.links {
		f.Links = r.links()
	}
	if has.torn && r.take("torn") {
		f.P = r.share("the share that survives")
	}
	if has.lasting && r.take("for") {
		f.For = r.duration("how long it lasts")
	}
	if r.err == nil && len(r.words) > 0 {
		r.err = misused("%q is too much", strings.Join(r.words, " "))
	}
	if r.err == nil {
		r.err = f.check()
	}
	return f, r.err
}

func (r *reader) next(what string) string {
	if len(r.words) == 0 {
		if r.err == nil {
			r.err = misused("%s is missing", what)
		}
		return ""
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

// take consumes one word if it is the next.
func (r *reader) take(word string) bool {
	if len(r.words) == 0 || r.words[0] != word {
		return false
	}
	r.words = r.words[1:]
	return true
}

func (r *reader) duration(what string) time.Duration {
	word := r.next(what)
	d, err := time.ParseDuration(word)
	if err != nil && r.err == nil {
		r.err = misused("%s is %q, want a duration such as 1.5ms", what, word)
	}
	return d
}

func (r *reader) share(what string) float64 {
	word := r.next(what)
	p, err := strconv.ParseFloat(word, 64)
	if err != nil && r.err == nil {
		r.err = misused("%s is %q, want a number between 0 and 1", what, word)
	}
	return p
}

func (r *reader) links() Links {
	if len(r.words) == 0 || r.words[0] == "for" {
		return Links{}
	}
	l := Links{A: names(r.next("one side"))}
	switch word := r.next("- or >"); {
	case word == ">":
		l.OneWay = true
	case word != "-" && r.err == nil:
		r.err = misused("%q stands between two sides, want - or >", word)
	}
	l.B = names(r.next("the other side"))
	if l.all() {
		l.OneWay = false
	}
	return l
}

func names(word string) []string {
	if word == "*" || word == "" {
		return nil
	}
	return strings.Split(word, ",")
}
