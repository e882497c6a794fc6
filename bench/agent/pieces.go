package agent

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	agentv1 "dyno/proto/agent/v1"
)

// LostDir has, in a trial's folder, a folder for each machine with what roles had
// written there when it was lost, to their logs and journals. While a trial runs it is
// filled; where a trial could be closed nothing is left of it.
const LostDir = "lost"

// Bounds on that: it shares the way and the processors with what is measured.
const (
	lookEvery = 500 * time.Millisecond
	lookBytes = 128 << 10 // of all files, in one look, all machines together: 2 Mbit/s
	lookFiles = 256       // that are looked at
	fileBytes = 1 << 20   // of a file, in a trial

	// readable are files that others than their owner may read. What nobody else may is
	// a secret, such as a key or a session: a bundle must not have it.
	readable = 0o044
)

// follower sees what the files of a folder have grown by.
type follower struct {
	root *os.Root
	buf  []byte // as much as is told in one look

	mu   sync.Mutex
	seen map[string]*followed
}

type followed struct {
	path string
	put  version     // as the runner has written it, who needs nothing of that
	info fs.FileInfo // of the last look; another file may have taken its name since
	at   int64       // all before it is told
	told int64       // bytes, of all files of this name
}

func newFollower(root *os.Root, share int64) *follower {
	return &follower{root: root, buf: make([]byte, max(0, min(share, lookBytes))), seen: make(map[string]*followed)}
}

// skip notes what the runner has written: it is not followed until a role changes it.
func (f *follower) skip(file *agentv1.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[file.GetPath()] = &followed{path: file.GetPath(), put: versionOf(file)}
}

// grown are the files that have more than is told, those first of which least is.
func (f *follower) grown() (out []*followed) {
	files, err := list(f.root, []string{"."})
	if err != nil {
		return nil // the trial says what it finds itself
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	looked := 0
	for _, l := range files {
		s := f.seen[l.GetPath()]
		if s == nil {
			s = &followed{path: l.GetPath()}
		}
		if l.GetFolder() || l.GetMode()&readable == 0 || versionOf(l) == s.put || strings.HasSuffix(s.path, partial) {
			continue // a secret, or the runner's, whole or under way
		}
		if looked++; looked > lookFiles {
			break
		}
		f.seen[s.path] = s
		info, err := f.root.Stat(filepath.FromSlash(s.path))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if s.info != nil && (!os.SameFile(s.info, info) || info.Size() < s.at) {
			s.at = 0
		}
		s.info = info
		if s.at < info.Size() && s.told < fileBytes {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *followed) int {
		return cmp.Or(cmp.Compare(a.told, b.told), cmp.Compare(a.info.Size()-a.at, b.info.Size()-b.at))
	})
	return out
}

// look tells what files have grown by, a part of it where that is much. What is told is
// not kept: the next piece is in its place. An error is what each returned.
func (f *follower) look(each func(*agentv1.Piece) error) error {
	left := int64(len(f.buf))
	for _, s := range f.grown() {
		n := f.read(s, min(left, fileBytes-s.told, s.info.Size()-s.at))
		if n == 0 {
			continue
		}
		if err := each(&agentv1.Piece{Path: s.path, Offset: s.at, Data: f.buf[:n]}); err != nil {
			return err
		}
		s.at, s.told, left = s.at+n, s.told+n, left-n
	}
	return nil
}

// read reads up to n bytes that are not told yet.
func (f *follower) read(s *followed, n int64) int64 {
	if n == 0 {
		return 0
	}
	in, err := f.root.Open(filepath.FromSlash(s.path))
	if err != nil {
		return 0 // it is gone meanwhile
	}
	defer in.Close()
	got, _ := in.ReadAt(f.buf[:n], s.at) // what there is
	return int64(got)
}

// pieces is what has come of a machine's files.
type pieces struct {
	dir string // of the machine

	mu   sync.Mutex
	root *os.Root // nil: nothing has come
	over bool
}

// keep writes a piece where it belongs. A disk that is full costs the pieces, not the
// trial, which says itself what it finds.
func (p *pieces) keep(piece *agentv1.Piece) {
	name := filepath.FromSlash(piece.GetPath())
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := piece.GetOffset(); p.over || at < 0 || at > fileBytes-int64(len(piece.GetData())) {
		return
	}
	if p.root == nil {
		if os.MkdirAll(p.dir, 0o755) != nil {
			return
		}
		root, err := os.OpenRoot(p.dir)
		if err != nil {
			return
		}
		p.root = root
	}
	how := os.O_CREATE | os.O_WRONLY
	if piece.GetOffset() == 0 {
		how |= os.O_TRUNC
	}
	_ = p.root.MkdirAll(filepath.Dir(name), 0o755) // else the next one fails
	out, err := p.root.OpenFile(name, how, 0o644)
	if err != nil {
		return
	}
	_, _ = out.WriteAt(piece.GetData(), piece.GetOffset())
	_ = out.Close()
}

// end takes in no more. Where all is fetched nothing is needed of it.
func (p *pieces) end(fetched bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over := p.over
	p.over = true
	if over || p.root == nil {
		return
	}
	_ = p.root.Close()
	if fetched {
		_ = os.RemoveAll(p.dir)
		_ = os.Remove(filepath.Dir(p.dir)) // unless another machine has some
	}
}
