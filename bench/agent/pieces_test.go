package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	agentv1 "dyno/proto/agent/v1"
)

// What roles write arrives as it is, piece by piece, whatever happens to the file; what
// the runner has written does not, and no look tells more than it may.
func TestPieces(t *testing.T) {
	there, here := t.TempDir(), t.TempDir()
	root, err := os.OpenRoot(there)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, kept := newFollower(root, lookBytes/2), &pieces{dir: filepath.Join(here, LostDir, "b")}
	look := func() (told int) {
		t.Helper()
		if err := f.look(func(p *agentv1.Piece) error {
			told += len(p.GetData())
			kept.keep(p)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return told
	}
	want := func(what, name, text string) {
		t.Helper()
		if got, err := os.ReadFile(filepath.Join(kept.dir, name)); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes %.40q, want %d bytes %.40q; %v", what, len(got), got, len(text), text, err)
		}
	}
	grow := func(name, text string) {
		t.Helper()
		out, err := os.OpenFile(filepath.Join(there, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = out.WriteString(text)
		}
		if err := errors.Join(err, out.Close()); err != nil {
			t.Fatal(err)
		}
	}
	put(t, there, "keys/input", "of the runner")
	files, err := list(root, []string{"keys/input"})
	if err != nil {
		t.Fatal(err)
	}
	f.skip(files[0])
	put(t, there, "keys/next"+partial, "of the runner, under way")
	for i := range lookFiles { // more would be too many to look at, if they counted
		if err := os.WriteFile(filepath.Join(there, "keys", "secret-"+strconv.Itoa(i)), []byte("a secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t, there, "s1/journal", "one ")
	grow("s1.log", "ready\n")
	look()
	grow("s1/journal", "two")
	look()
	want("a file that grows", "s1/journal", "one two")
	want("a log", "s1.log", "ready\n")
	for _, name := range []string{"keys/input", "keys/next" + partial, "keys/secret-0"} {
		if _, err := os.Stat(filepath.Join(kept.dir, name)); err == nil || look() != 0 {
			t.Errorf("%s, of the runner or a secret, is told, or something twice: %v", name, err)
		}
	}
	grow("keys/input", ", and of a role")
	put(t, there, "new", "another one, longer")
	if err := errors.Join(os.Truncate(filepath.Join(there, "s1.log"), 3), os.Rename(filepath.Join(there, "new"), filepath.Join(there, "s1/journal"))); err != nil {
		t.Fatal(err)
	}
	look()
	want("a file of the runner's that a role went on with", "keys/input", "of the runner, and of a role")
	want("a file that another one took the place of", "s1/journal", "another one, longer")
	want("a file that was cut", "s1.log", "rea")

	flood := strings.Repeat("0123456789abcdef", 2*fileBytes/16)
	grow("s2.log", flood)
	grow("s3.log", "little")
	for told := look(); told > 0; told = look() {
		if told > lookBytes/2 {
			t.Fatalf("a look told %d bytes", told)
		}
		want("a file beside a flood", "s3.log", "little")
	}
	want("a flood", "s2.log", flood[:fileBytes])
}

// Of a trial whose files were fetched nothing is left; a piece that leads out of the
// folder, or comes too late, is nobody's.
func TestPiecesEnd(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	for _, fetched := range []bool{false, true} {
		p := &pieces{dir: filepath.Join(dir, LostDir, "b")}
		p.keep(&agentv1.Piece{Path: "../../outside", Data: []byte("x")})
		p.keep(&agentv1.Piece{Path: "s.log", Data: []byte("x")})
		p.keep(&agentv1.Piece{Path: "far.log", Offset: fileBytes, Data: []byte("x")})
		p.end(fetched)
		p.keep(&agentv1.Piece{Path: "late.log", Data: []byte("x")})
		_, lost := os.Stat(filepath.Join(p.dir, "s.log"))
		_, late := os.Stat(filepath.Join(p.dir, "late.log"))
		_, out := os.Stat(outside)
		if _, err := os.Stat(filepath.Join(p.dir, "far.log")); err == nil {
			t.Error("a piece from beyond what is told of a file is kept")
		}
		if (lost != nil) != fetched || late == nil || out == nil {
			t.Errorf("fetched %t: %v, too late %v, outside %v", fetched, lost, late, out)
		}
	}
	late := &pieces{dir: filepath.Join(dir, LostDir, "b")}
	late.end(true)
	late.keep(&agentv1.Piece{Path: "late.log", Data: []byte("x")})
	if _, err := os.Stat(filepath.Join(dir, LostDir)); err == nil {
		t.Error("a folder is left")
	}
}

// What a look costs an agent with as many files as a trial of a bank has, all growing.
func BenchmarkLook(b *testing.B) {
	root, err := os.OpenRoot(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	var files []*os.File
	for range 16 {
		file, err := os.CreateTemp(root.Name(), "")
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		files = append(files, file)
	}
	f, line := newFollower(root, lookBytes/2), make([]byte, 4<<10)
	for b.Loop() {
		for _, file := range files {
			_, _ = file.Write(line)
		}
		for _, s := range f.seen {
			s.told = 0
		}
		if err := f.look(func(*agentv1.Piece) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
