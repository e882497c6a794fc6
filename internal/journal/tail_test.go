package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// image writes batches, and returns the file and where each of them ends.
func image(t *testing.T, batches ...[]string) (content []byte, ends []int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	ends = []int{int(j.offset)}
	for _, texts := range batches {
		var records [][]byte
		for _, text := range texts {
			records = append(records, []byte(text))
		}
		if _, err := j.Append(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(j.offset))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || len(content) != ends[len(ends)-1] {
		t.Fatalf("file of %d bytes, batches end at %v: %v", len(content), ends, err)
	}
	return content, ends
}

// scan replays an image without touching the disk.
func scan(content []byte) (texts []string, r Recovery, err error) {
	s := &scanner{path: "image", file: bytes.NewReader(content), size: int64(len(content))}
	if s.salt, s.offset, err = readPreamble("image", s.file, ""); err != nil {
		return nil, r, err
	}
	r, err = s.entries(func(e Entry) error {
		texts = append(texts, string(e.Data))
		return nil
	})
	return texts, r, err
}

var (
	zeros   = strings.Repeat("\x00", 3*sector)
	text    = strings.Repeat("text", sector)
	batches = [][]string{{"a", zeros, "b"}, {text}, {""}, {zeros + "c" + zeros, text}}
)

func flat(batches [][]string) []string { return slices.Concat(batches...) }

// Cut anywhere, a file gives every batch that is whole, and nothing else.
func TestTornByLength(t *testing.T) {
	content, ends := image(t, batches...)
	for size := ends[0]; size <= len(content); size++ {
		whole, _ := slices.BinarySearch(ends, size+1)
		got, r, err := scan(content[:size])
		if want := flat(batches[:whole-1]); err != nil || !slices.Equal(got, want) {
			t.Fatalf("cut at %d: %d records, %v; want %d", size, len(got), err, len(want))
		}
		if r.Cut != int64(size-ends[whole-1]) {
			t.Fatalf("cut at %d: reported %d bytes cut", size, r.Cut)
		}
	}
}

// Whichever sectors of the last batch reached the disk, what was acknowledged
// before it is there, and of the batch all or nothing.
func TestTornBySectors(t *testing.T) {
	last := []string{zeros[:sector/2], text[:sector], zeros, "end"}
	content, ends := image(t, batches[0], batches[1], last)
	begin := ends[2]
	sectors := (len(content)-1)/sector - begin/sector + 1
	for written := range 1 << sectors {
		torn := slices.Clone(content)
		for at := begin; at < len(torn); at++ {
			if written>>(at/sector-begin/sector)&1 == 0 {
				torn[at] = 0
			}
		}
		acknowledged := flat(batches[:2])
		want := acknowledged
		if bytes.Equal(torn, content) {
			want = slices.Concat(acknowledged, last)
		}
		if got, _, err := scan(torn); err != nil || !slices.Equal(got, want) {
			t.Fatalf("sectors %b of %d: %d records, %v; want %d", written, sectors, len(got), err, len(want))
		}
	}
}

// No flipped bit costs an acknowledged record in silence, not even in the last
// batch.
func TestFlippedBits(t *testing.T) {
	content, _ := image(t, []string{"a", zeros[:sector]}, []string{"b"}, []string{zeros[:2*sector], "c"})
	want, _, err := scan(content)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for bit := range 8 * len(content) {
		content[bit/8] ^= 1 << (bit % 8)
		got, _, err := scan(content)
		var damage *DamageError
		switch {
		case errors.As(err, &damage):
			refused++
		case err != nil || !slices.Equal(got, want):
			t.Fatalf("bit %d of byte %d: replayed %d records of %d, error %v", bit%8, bit/8, len(got), len(want), err)
		}
		content[bit/8] ^= 1 << (bit % 8)
	}
	if padding := 8 * align; refused < 8*len(content)-padding { // only the padding of the file's header is free
		t.Errorf("%d of %d flipped bits were refused", refused, 8*len(content))
	}
}

// A sector that lost its content in the middle is damage: others were written
// behind it.
func TestLostSector(t *testing.T) {
	content, ends := image(t, batches...)
	for at := sector; at < ends[3]; at += sector {
		lost := slices.Clone(content)
		copy(lost[at:at+sector], zeroSector[:])
		got, _, err := scan(lost)
		var damage *DamageError
		switch {
		case bytes.Equal(lost, content):
		case !errors.As(err, &damage):
			t.Errorf("sector at %d: replayed %d records, error %v", at, len(got), err)
		case damage.Offset > int64(at) || !strings.Contains(err.Error(), strconv.FormatInt(damage.Offset, 10)):
			t.Errorf("sector at %d: %v", at, err)
		}
	}
}

// The next writer goes on where the torn batch began.
func TestTornTailIsCut(t *testing.T) {
	content, ends := image(t, []string{"a"}, []string{text})
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, content[:ends[2]-1], 0o600); err != nil {
		t.Fatal(err)
	}
	j, r, err := Open(path, Options{}, func(Entry) error { return nil })
	if err != nil || r.Cut != int64(ends[2]-1-ends[1]) || r.Last != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if seq, err := j.Append(t.Context(), []byte("b")); err != nil || seq != 2 {
		t.Fatalf("record %d, %v", seq, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _, err := replayed(path); err != nil || !slices.Equal(got, []string{"1:a", "2:b"}) {
		t.Errorf("replayed %q, %v", got, err)
	}
}

// Every record that a process acknowledged before it was killed is there.
func TestKilled(t *testing.T) {
	if path := os.Getenv("JOURNAL_TEST_WRITER"); path != "" {
		j := open(t, path)
		for i := 1; ; i++ {
			seq, err := j.Append(t.Context(), []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if i%7 == 0 {
				err = j.Snapshot(t.Context(), seq, []byte(text))
			}
			fmt.Println("acknowledged", seq, err)
		}
	}
	path := filepath.Join(t.TempDir(), "journal")
	acknowledged := 0
	for round := range 5 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		c.Env = append(os.Environ(), "JOURNAL_TEST_WRITER="+path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for range 3 + 10*round { // then at a moment of the machine's choosing
			var status string
			if _, err := fmt.Fscanln(out, new(string), &acknowledged, &status); err != nil || status != "<nil>" {
				t.Fatalf("the writer says %q, %v", status, err)
			}
		}
		c.Process.Kill()
		rest, _ := io.ReadAll(out)
		acknowledged += bytes.Count(rest, []byte("\n"))
		c.Wait()
		_, r, err := replayed(path)
		if err != nil || int(r.Last) < acknowledged || int(r.Last) > acknowledged+1 {
			t.Fatalf("%d records were acknowledged, %d are there (%v)", acknowledged, r.Last, err)
		}
		acknowledged = int(r.Last)
	}
}
