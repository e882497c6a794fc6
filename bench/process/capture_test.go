package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLogFileKeepsHeadAndTail compares the file with a plain account of what
// should be in it, for every length around the bounds and several sizes of
// writes, whether it is closed and reopened after each of them or not.
func TestLogFileKeepsHeadAndTail(t *testing.T) {
	const head, tail = 10, 6
	path := filepath.Join(t.TempDir(), "x.log")
	for length := range 80 {
		reopens := length%2 == 1
		length /= 2
		text := []byte("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")[:length]
		for _, size := range []int{1, 3, 7, 40} {
			l, err := newLogFile(path, head, tail)
			if err != nil {
				t.Fatal(err)
			}
			for part := range slices.Chunk(text, size) {
				if n, err := l.Write(part); n != len(part) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				if reopens {
					if err := errors.Join(l.Close(), l.reopen()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			want := text
			if left := length - head - tail; left > 0 {
				want = fmt.Appendf(nil, "%s\n[%d bytes left out]\n%s", text[:head], left, text[length-tail:])
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes in writes of %d: %q, %v; want %q", length, size, got, err, want)
			}
		}
	}
}

func TestLogFileNeverRefusesAWrite(t *testing.T) {
	l, err := newLogFile(filepath.Join(t.TempDir(), "x.log"), 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.file.Close(); err != nil { // as if the disk were full
		t.Fatal(err)
	}
	if n, err := l.Write([]byte("still here\n")); n != 11 || err != nil {
		t.Errorf("Write: %d, %v", n, err)
	}
	if got := l.lastLines(5, 100); !slices.Equal(got, []string{"still here"}) {
		t.Errorf("lastLines = %q", got)
	}
	if l.Close() == nil {
		t.Error("Close hides that the log is incomplete")
	}
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("é", 20)
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"\n\n", nil},
		{"a", []string{"a"}},
		{"a\nb\nc\nd\n", []string{"b", "c", "d"}},
		{"a\n" + long + "\n", []string{"a", strings.Repeat("é", 5) + " …"}}, // cut inside a letter
	} {
		l := &logFile{tail: 1000, last: []byte(tt.text)}
		if got := l.lastLines(3, 11); !slices.Equal(got, tt.want) {
			t.Errorf("lastLines of %q = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestOutputKeepsTheBeginning(t *testing.T) {
	o := &output{limit: 5}
	for _, part := range []string{"abc", "def", "ghi"} {
		if n, err := o.Write([]byte(part)); n != 3 || err != nil {
			t.Errorf("Write(%q): %d, %v", part, n, err)
		}
	}
	if o.buf.String() != "abcde" || o.cut != 4 {
		t.Errorf("kept %q and cut %d bytes", &o.buf, o.cut)
	}
}
