package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imageSegment holds all batches of an image.
const imageSegment = 16 << 10

func imageOptions(fs FS) Options { return Options{FS: fs, Segment: imageSegment} }

// image writes batches and returns the segment and where each of them ends,
// closed in order or not.
func image(t *testing.T, closed bool, batches ...[]string) (content []byte, ends []int) {
	t.Helper()
	fs := newFaultFS(1)
	l, _, err := OpenLog("/j", imageOptions(fs), nil)
	if err != nil {
		t.Fatal(err)
	}
	ends = []int{int(l.offset)}
	for _, texts := range batches {
		for _, text := range texts {
			if _, err := l.Append([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(l.offset))
	}
	if closed {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return slices.Clone(fs.folders["/j"].now[fileName(1, segmentSuffix)].now), ends
}

// disk is a file system with nothing but a segment.
func disk(content []byte) *faultFS {
	fs := newFaultFS(1)
	fs.folders["/j"] = &folder{now: map[string]*inode{
		fileName(1, segmentSuffix): {now: content, durable: content, dirty: map[int]bool{}},
	}}
	return fs
}

// scan reads an image.
func scan(content []byte) (texts []string, r Recovery, err error) {
	r, err = Scan("/j", imageOptions(disk(content)), func(e Entry) error {
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

// A segment has its size before it gets its name, so a shorter one is damage.
func TestShortened(t *testing.T) {
	content, ends := image(t, false, batches...)
	for size := range len(content) {
		if size > ends[len(ends)-1]+sector {
			size = len(content) - 1 // all alike from here on
		}
		var damage *DamageError
		if got, _, err := scan(content[:size]); !errors.As(err, &damage) {
			t.Fatalf("cut at %d: %d records, %v", size, len(got), err)
		}
	}
}

// Whichever sectors of the last batch reached the disk, what was acknowledged
// before it is there, and of the batch all or nothing.
func TestTornBySectors(t *testing.T) {
	last := []string{zeros[:sector/2], text[:sector], zeros, "end"}
	content, ends := image(t, false, batches[0], batches[1], last)
	begin, end := ends[2], ends[3]
	sectors := (end-1)/sector - begin/sector + 1
	for written := range 1 << sectors {
		torn := slices.Clone(content)
		for at := begin; at < end; at++ {
			if written>>(at/sector-begin/sector)&1 == 0 {
				torn[at] = 0
			}
		}
		want := flat(batches[:2])
		if bytes.Equal(torn, content) {
			want = slices.Concat(want, last)
		}
		got, r, err := scan(torn)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("sectors %b of %d: %d records, %v; want %d", written, sectors, len(got), err, len(want))
		}
		if nothing := len(bytes.TrimRight(torn[begin:], "\x00")) == 0; (r.Cut > 0) != (len(want) < 7 && !nothing) {
			t.Fatalf("sectors %b of %d: reported %d bytes cut of %d records", written, sectors, r.Cut, len(want))
		}
	}
}

// spoil calls do with copies of an image in which one unit of bytes is changed.
func spoil(content []byte, unit, to int, change func([]byte), do func(at int, spoiled []byte)) {
	for at := 0; at < to; at += unit {
		spoiled := slices.Clone(content)
		change(spoiled[at : at+unit])
		if !bytes.Equal(spoiled, content) {
			do(at, spoiled)
		}
	}
}

// No flipped bit and no zeroed word costs an acknowledged record in silence,
// not even in the last batch: a word of a length that is zero, or one bit of it,
// is neither the end of the log nor a torn tail.
func TestSpoiled(t *testing.T) {
	for _, closed := range []bool{false, true} {
		content, ends := image(t, closed, []string{"a", zeros[:sector]}, []string{"b"}, []string{zeros[:2*sector], "c"})
		want, _, err := scan(content)
		if err != nil {
			t.Fatal(err)
		}
		end := ends[len(ends)-1]
		refused := 0
		check := func(at int, spoiled []byte) {
			got, _, err := scan(spoiled)
			var damage *DamageError
			switch {
			case errors.As(err, &damage):
				refused++
			case !closed && bytes.Equal(spoiled[at/sector*sector:][:sector], zeroSector[:]): // as if it was never written
			case err != nil || !slices.Equal(got, want) || at >= dataOffset:
				t.Fatalf("byte %d: replayed %d records of %d, error %v", at, len(got), len(want), err)
			}
		}
		bits := []int{0, 3, 7}
		if os.Getenv("DYNO_SOAK") != "" {
			bits = []int{0, 1, 2, 3, 4, 5, 6, 7}
		}
		for _, bit := range bits {
			spoil(content, 1, end, func(b []byte) { b[0] ^= 1 << bit }, check)
		}
		if used := len(bits) * (headerFixed + 4 + 2*hintSize + end - dataOffset); refused < used {
			t.Errorf("%d flipped bits were refused, want %d", refused, used)
		}
		for _, unit := range []int{1, 2, 4, 8, 32} {
			spoil(content, unit, end, func(b []byte) { clear(b) }, func(at int, spoiled []byte) {
				if at < hintsOffset || at >= dataOffset { // a note that is gone is none
					check(at, spoiled)
				}
			})
		}
	}
}

// A sector that lost its content is damage where others were written behind
// it, and everywhere once the journal was closed in order.
func TestLostSector(t *testing.T) {
	for _, closed := range []bool{false, true} {
		content, ends := image(t, closed, batches...)
		end := ends[len(ends)-2]
		if closed {
			end = (ends[len(ends)-1] - 1) / sector * sector
		}
		spoil(content, sector, end, func(b []byte) { clear(b) }, func(at int, lost []byte) {
			got, _, err := scan(lost)
			var damage *DamageError
			switch {
			case at >= hintsOffset && at < dataOffset:
			case !errors.As(err, &damage):
				t.Errorf("sector at %d: replayed %d records, error %v", at, len(got), err)
			case damage.Offset > int64(at) || !strings.Contains(err.Error(), strconv.FormatInt(damage.Offset, 10)):
				t.Errorf("sector at %d: %v", at, err)
			}
		})
	}
}

// A batch that is whole, but not the one that the next was written behind, is
// damage: a disk that lost a write may give back what was there before.
func TestStaleBatch(t *testing.T) {
	content, ends := image(t, false, []string{"old"}, []string{"next"})
	salt := binary.LittleEndian.Uint32(content[8:])
	p := place{salt: salt, offset: int64(ends[0])}
	stale := p.seal(appendRecord(make([]byte, align), []byte("new")), kindRecords, 1, 1)
	copy(content[ends[0]:ends[1]], stale)
	var damage *DamageError
	if got, _, err := scan(content); !errors.As(err, &damage) {
		t.Errorf("replayed %q, %v", got, err)
	}
}

// The notes bound what a wiped tail can take with it unseen.
func TestWipedTail(t *testing.T) {
	var many [][]string
	for range 3 * hintEvery {
		many = append(many, []string{"x"})
	}
	for _, closed := range []bool{false, true} {
		content, ends := image(t, closed, many...)
		unseen := 0
		for keep := range many {
			wiped := slices.Clone(content)
			clear(wiped[ends[keep]:])
			if _, _, err := scan(wiped); err == nil {
				unseen++
			}
		}
		if most := map[bool]int{false: hintEvery, true: 0}[closed]; unseen > most {
			t.Errorf("closed %v: %d wiped tails of %d were not seen, want at most %d", closed, unseen, len(many), most)
		}
	}
}

// Every file that is missing, or stands in for another, is missed.
func TestMissingFiles(t *testing.T) {
	build := func() *faultFS {
		fs := newFaultFS(1)
		l, _, err := OpenLog("/j", Options{FS: fs, Segment: minSegment}, nil)
		for i := range 40 {
			if err == nil {
				_, err = l.Append([]byte(text[:1000]))
			}
			if err == nil {
				err = l.Flush()
			}
			if i == 12 && err == nil {
				err = l.Snapshot(10, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
			}
		}
		if err = errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	check := func(what string, spoil func(now map[string]*inode)) {
		fs := build()
		spoil(fs.folders["/j"].now)
		var damage *DamageError
		if _, _, err := OpenLog("/j", Options{FS: fs, Segment: minSegment}, func(Entry) error { return nil }); !errors.As(err, &damage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	names := slices.Sorted(maps.Keys(build().folders["/j"].now))
	if len(names) < 6 {
		t.Fatalf("only %v", names)
	}
	for _, name := range names {
		check("without "+name, func(now map[string]*inode) { delete(now, name) })
		for _, other := range names {
			if other != name {
				check(other+" as "+name, func(now map[string]*inode) { now[name] = now[other] })
			}
		}
	}
}

// The next writer goes on behind the last whole batch.
func TestTornTailIsCut(t *testing.T) {
	content, ends := image(t, false, []string{"a"}, []string{text})
	clear(content[(ends[2]-1)/sector*sector:])
	fs := disk(content)
	l, r, err := OpenLog("/j", imageOptions(fs), func(Entry) error { return nil })
	if err != nil || r.Cut != int64(ends[2]-ends[1]) || r.Last != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if seq, err := l.Append([]byte("b")); err != nil || seq != 2 {
		t.Fatalf("record %d, %v", seq, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	r, err = Scan("/j", imageOptions(fs), func(e Entry) error {
		got = append(got, fmt.Sprintf("%d:%s", e.Sequence, e.Data))
		return nil
	})
	if err != nil || r.Cut != 0 || !slices.Equal(got, []string{"1:a", "2:b"}) {
		t.Errorf("replayed %q, %+v, %v", got, r, err)
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
				err = j.Snapshot(t.Context(), seq, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
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
		_, r, err := replayed(path, small)
		if err != nil || int(r.Last) < acknowledged || int(r.Last) > acknowledged+1 {
			t.Fatalf("%d records were acknowledged, %d are there (%v)", acknowledged, r.Last, err)
		}
		acknowledged = int(r.Last)
	}
}
