package target

import (
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"dyno/internal/splitmix"
	"dyno/systems"
)

// template is JSON with gaps that are filled in anew for each message. What goes
// into them is a function of the seed and of the message's number alone, so that
// every driver sends the same.
type template struct {
	texts []string // one more than there are gaps
	gaps  []gap
}

// gap appends what message n has in it.
type gap func(dst []byte, seed, n uint64) []byte

var placeholder = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{\{\s*([a-z]+)((?:\s+-?[0-9]+)*)\s*\}\}`) })

const (
	placeholders = "{{seq}}, {{seq FIRST}}, {{random LOW HIGH}}, {{uuid}}"
	braces       = ` (two braces themselves are written {\u007b)`
)

// parseTemplate finds the gaps. Text without any is a template, too.
func parseTemplate(text string) (*template, error) {
	t := new(template)
	drawn := map[string]uint64{} // gaps of a function so far: the k-th one of data is the k-th of expect
	for {
		at := strings.Index(text, "{{")
		if at < 0 {
			t.texts = append(t.texts, text)
			return t, nil
		}
		found := placeholder().FindStringSubmatchIndex(text[at:])
		if found == nil || found[0] != 0 {
			return nil, systems.Usagef("%.40s is none of %s", text[at:], placeholders+braces)
		}
		name, args := text[at+found[2]:at+found[3]], strings.Fields(text[at+found[4]:at+found[5]])
		g, err := newGap(name, args, drawn[name])
		if err != nil {
			return nil, err
		}
		drawn[name]++
		t.texts, t.gaps = append(t.texts, text[:at]), append(t.gaps, g)
		text = text[at+found[1]:]
	}
}

// newGap is the k-th gap of a function.
func newGap(name string, args []string, k uint64) (gap, error) {
	numbers := make([]int64, len(args))
	for i, a := range args {
		x, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return nil, systems.Usagef("{{%s}}: %w", name, err)
		}
		numbers[i] = x
	}
	switch {
	case name == "seq" && len(args) <= 1:
		first := append(numbers, 0)[0]
		return func(dst []byte, _, n uint64) []byte { return strconv.AppendInt(dst, first+int64(n), 10) }, nil
	case name == "random" && len(args) == 2 && numbers[0] <= numbers[1]:
		low, span := numbers[0], uint64(numbers[1]-numbers[0])+1
		return func(dst []byte, seed, n uint64) []byte {
			x := draw(seed, n, 2*k)
			if span != 0 { // 0: all there are
				x %= span
			}
			return strconv.AppendInt(dst, low+int64(x), 10)
		}, nil
	case name == "uuid" && len(args) == 0:
		return func(dst []byte, seed, n uint64) []byte {
			var id uuid.UUID
			binary.BigEndian.PutUint64(id[:8], draw(seed, n, 2*k+1))
			binary.BigEndian.PutUint64(id[8:], splitmix.Mix(draw(seed, n, 2*k+1)))
			id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, as random ones have
			return append(dst, id.String()...)
		}, nil
	}
	return nil, systems.Usagef("{{%s}} is none of %s", strings.Join(append([]string{name}, args...), " "), placeholders+braces)
}

// draw is the k-th number that belongs to a message.
func draw(seed, n, k uint64) uint64 { return splitmix.Mix(splitmix.Mix(splitmix.Mix(seed)+n) + k) }

func (t *template) constant() bool { return len(t.gaps) == 0 }

// fill is the text of message n.
func (t *template) fill(seed, n uint64) string {
	if t.constant() {
		return t.texts[0]
	}
	var b []byte
	for i, g := range t.gaps {
		b = g(append(b, t.texts[i]...), seed, n)
	}
	return string(append(b, t.texts[len(t.gaps)]...))
}
