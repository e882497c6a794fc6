package trial

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/bench/story"
	"dyno/systems/mapreduce/config"
)

// counted is a job of two files of which the output is as if some text had been
// read, and some other one not.
func counted(t *testing.T, more, less string) (*outcome, *expectation) {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, text := range []string{"to be or not to be\n", "that is the question\n"} {
		files = append(files, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := sequential("wordcount", nil, files)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int64)
	for line := range want.lines {
		word, n := keyOf("wordcount", line)
		got[word] = n
	}
	eachWord([]byte(more), func(w []byte) { got[string(w)]++ })
	eachWord([]byte(less), func(w []byte) { got[string(w)]-- })
	v, err := config.Knobs.Resolve(map[string]string{"reduces": "1"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := trialConfig(v, files, filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for word, n := range got {
		if n > 0 {
			fmt.Fprintln(&text, word, n)
		}
	}
	if err := os.MkdirAll(s.Out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config.Layout{Out: s.Out}.Output(0), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &outcome{config: s, witness: &witness{over: 90e6, struck: []stroke{{"w1", "killed", 20e6}}, told: []byte(
		`{"at":10000000,"event":"got","attempt":1,"phase":0,"task":0,"worker":"w1"}
{"at":11000000,"event":"got","attempt":2,"phase":0,"task":1,"worker":"w2"}
{"at":12000000,"event":"told","attempt":2,"worker":"w2"}
{"at":30000000,"event":"got","attempt":3,"phase":0,"task":0,"worker":"w2"}
{"at":40000000,"event":"told","attempt":3,"worker":"w2"}
{"at":41000000,"event":"got","attempt":4,"phase":1,"task":0,"worker":"w2"}
`)}}, want
}

// The story names whose words are counted wrongly, and shows who had that task.
func TestStory(t *testing.T) {
	for name, c := range map[string]struct {
		more, less string
		words      []string
		messages   int // to and from workers
	}{
		"twice":   {"to be or not to be", "", []string{`"be" came out 4 times, the input has it 2 times`, "6 words too many, 0 too few", "6 could be among the 6 of map 0"}, 3},
		"missing": {"", "that is the question", []string{"0 words too many, 4 too few", "4 could be among the 4 of map 1"}, 5},
		"strange": {"never", "", []string{`"never" came out 1 times, the input has it 0 times`}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r, want := counted(t, c.more, c.less)
			s, err := r.story("wordcount", want)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.words {
				if text := strings.Join(s.Words, "\n"); !strings.Contains(text, w) {
					t.Errorf("%q does not say %q", text, w)
				}
			}
			if len(s.Messages) != c.messages || len(s.Absences) != 1 {
				t.Errorf("%d messages, want %d: %+v", len(s.Messages), c.messages, s.Messages)
			}
			draw(t, s, "mapreduce-"+name)
		})
	}
}

// draw draws a story that must be drawable, where a person can see it.
func draw(t *testing.T, s story.Story, name string) {
	t.Helper()
	var svg bytes.Buffer
	if _, err := s.Tell(&svg); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("DYNO_STORIES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".svg"), svg.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
