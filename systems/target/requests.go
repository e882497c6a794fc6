package target

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/mem"

	"dyno/bench/driver"
	"dyno/internal/splitmix"
	"dyno/systems"
)

// The knobs that say what is asked.
const (
	knobData      = "data"
	knobDataFile  = "data-file"
	knobDataOrder = "data-order"
	knobExpect    = "expect"
)

// The orders in which the lines of a file are sent.
const (
	inOrder  = "in-order"
	atRandom = "random"
	onceEach = "once"
)

var requestKnobs = systems.Knobs{
	{
		Name: knobData, Default: "{}", Type: systems.Text{What: "JSON", Check: compact},
		Help: "the request, in protobuf's JSON form; texts in it may have " + placeholders,
	},
	{
		Name: knobDataFile, Default: "", Type: systems.Text{What: "a file of JSON lines, or nothing"},
		Help: `requests that differ, instead of data: one a line, or {"@data": REQUEST, "@expect": ANSWER}`,
	},
	{
		Name: knobDataOrder, Default: inOrder, Type: systems.Choice{inOrder, atRandom, onceEach},
		Help: "which line of data-file comes next: the next one, and after the last the first; one at random, by the seed; or the next one, " +
			"until each was sent, which ends the run",
	},
	{
		Name: knobExpect, Default: "", Type: systems.Text{What: "JSON, or nothing", Check: maybe(compact)},
		Help: "what the answer must say: the fields that are named, in protobuf's JSON form; without, trials are flagged unchecked",
	},
}

// requests hands out what is to be sent.
type requests struct {
	method *method
	lines  []line
	order  string
	seed   uint64
	sent   atomic.Uint64 // number of the next message
}

// line is one request: ready made, or with gaps.
type line struct {
	ready        *request // nil: it has gaps
	data, expect *template
}

// newRequests reads the knobs, and tries every line out.
func newRequests(m *method, v systems.Values, seed uint64) (*requests, error) {
	r := &requests{method: m, order: v.Text(knobDataOrder), seed: seed}
	file := v.Text(knobDataFile)
	if file == "" {
		l, err := r.line(v.Text(knobData), v.Text(knobExpect))
		if err != nil {
			return nil, systems.Usagef("--%w", err)
		}
		r.lines, r.order = []line{l}, inOrder
		return r, nil
	}
	if v.Text(knobData) != "{}" {
		return nil, systems.Usagef("--%s and --%s: give one of them, both say what is sent", knobData, knobDataFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, systems.Usagef("--%s: %w", knobDataFile, err)
	}
	return r, r.read(text, file, v.Text(knobExpect))
}

// maxLine bounds a line of a file.
const maxLine = 64 << 20

func (r *requests) read(text []byte, file, expect string) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		data := strings.TrimSpace(lines.Text())
		if data == "" {
			continue
		}
		data, want, err := split(data, expect)
		if err == nil {
			var l line
			l, err = r.line(data, want)
			r.lines = append(r.lines, l)
		}
		if err != nil {
			return systems.Usagef("%s:%d: %w", file, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return systems.Usagef("--%s: %s: %w", knobDataFile, file, err)
	}
	if len(r.lines) == 0 {
		return systems.Usagef("--%s: %s has no line", knobDataFile, file)
	}
	return nil
}

// split takes a line apart that has an answer with its request.
func split(text, expect string) (data, want string, err error) {
	if !strings.Contains(text, `"@data"`) {
		return text, expect, nil
	}
	var both map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &both); err != nil {
		return "", "", err
	}
	if len(both["@data"]) == 0 { // it is deeper
		return text, expect, nil
	}
	for key := range both {
		if key != "@data" && key != "@expect" {
			return "", "", &systems.ChoiceError{Word: key, Allowed: []string{"@data", "@expect"}}
		}
	}
	if len(both["@expect"]) > 0 {
		expect = string(both["@expect"])
	}
	return string(both["@data"]), expect, nil
}

// line makes a request of its texts, as message 0 at least.
func (r *requests) line(data, expect string) (l line, err error) {
	if l.data, err = parseTemplate(data); err != nil {
		return l, fmt.Errorf("%s: %w", knobData, err)
	}
	if l.expect, err = parseTemplate(expect); err != nil {
		return l, fmt.Errorf("%s: %w", knobExpect, err)
	}
	first, err := r.fill(l, 0)
	if l.data.constant() && l.expect.constant() {
		l.ready = first
	}
	return l, err
}

// fill makes message n of a line.
func (r *requests) fill(l line, n uint64) (*request, error) {
	encoded, err := r.method.encode(l.data.fill(r.seed, n))
	if err != nil {
		return nil, fmt.Errorf("%s %w", knobData, err)
	}
	q := &request{encoded: mem.BufferSlice{mem.SliceBuffer(encoded)}, Message: driver.Message{Bytes: encoded}}
	if text := l.expect.fill(r.seed, n); text != "" {
		q.expect, err = parseExpect(text, r.method.Output(), r.method.types)
	}
	return q, err
}

// at is the line that message n is of.
func (r *requests) at(n uint64) line {
	if r.order == atRandom {
		n = splitmix.Mix(splitmix.Mix(r.seed^0x6c_69_6e_65) + n)
	}
	return r.lines[n%uint64(len(r.lines))]
}

var errNoMore = errors.New("each line was sent")

// next is the next message.
func (r *requests) next() (*request, error) {
	if len(r.lines) == 1 && r.lines[0].ready != nil { // there is nothing to count
		return r.lines[0].ready, nil
	}
	n := r.sent.Add(1) - 1
	if r.order == onceEach && n >= uint64(len(r.lines)) {
		return nil, errNoMore
	}
	l := r.at(n)
	if l.ready != nil {
		return l.ready, nil
	}
	return r.fill(l, n)
}

// unchecked says that nobody looks at any answer.
func (r *requests) unchecked() bool {
	for _, l := range r.lines {
		if l.ready == nil && l.expect.texts[0] != "" || l.ready != nil && l.ready.expect != nil {
			return false
		}
	}
	return true
}

// templated says whether some message has gaps.
func (r *requests) templated() bool {
	for _, l := range r.lines {
		if l.ready == nil {
			return true
		}
	}
	return false
}

// cost is the CPU time of filling in one message: a control, made by itself
// before the load, of messages that are not sent.
func (r *requests) cost() (time.Duration, error) {
	if !r.templated() {
		return 0, nil
	}
	const (
		enough = 50 * time.Millisecond
		most   = 2000
	)
	begin, cpu, n := time.Now(), driver.CPUTime(), uint64(0)
	for ; n < most && time.Since(begin) < enough; n++ {
		if l := r.at(n); l.ready == nil {
			if _, err := r.fill(l, n); err != nil {
				return 0, err
			}
		}
	}
	return (driver.CPUTime() - cpu) / time.Duration(n), nil
}
