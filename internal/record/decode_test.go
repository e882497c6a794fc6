package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// committedLines are some lines of every committed experiment.
func committedLines(t *testing.T) (out [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../../results/*/trials.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no committed results: %v", err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, MaxLine)
		for n := 0; lines.Scan(); n++ {
			if n%20 == 0 {
				out = append(out, bytes.Clone(lines.Bytes()))
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// What the decoder reads is what package json reads, and it reads what dyno writes
// without asking that.
func TestDecoder(t *testing.T) {
	d := &decoder{scanner: *newScanner()}
	for _, line := range committedLines(t) {
		got := new(Trial)
		d.rest, d.failed = line, false
		if d.trial(got); d.failed || len(d.rest) > 0 {
			t.Fatalf("not read from %.80q on, of %.80q", d.rest, line)
		}
		if want, err := d.whatever(line); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read as %+v; want %+v, %v", got, want, err)
		}
	}
}

// However a line is damaged, what is still JSON is read as package json reads it.
func TestDecoderOfDamaged(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	lines := committedLines(t)
	d := &decoder{scanner: *newScanner()}
	for range 1500 {
		line := bytes.Clone(lines[chance.IntN(len(lines))])
		if end := bytes.Index(line, []byte(`"evidence":`)); end > 0 { // what follows is only skipped
			line = append(line[:end], `"evidence":{}}}`...)
		}
		at := chance.IntN(len(line))
		const odd = `"{}[]:,\0a- ` + "\x01\xff"
		line[at] = odd[chance.IntN(len(odd))]
		got, err := d.decode(line)
		want := new(Trial)
		if json.Unmarshal(line, want) != nil {
			continue // a seal finds it: see TestChainFinds
		}
		if want.Observation != nil {
			want.Observation.Evidence = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n%+v, %v; want\n%+v", line, got, err, want)
		}
	}
}
