package journal

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// faultFS is a file system in memory that knows what is durable. Losing power
// loses or tears by sectors what was not synced, of a file's bytes and of a
// folder's names. Each sync in the code under test can be left out, and single
// operations can fail.
type faultFS struct {
	mu      sync.Mutex
	chance  *rand.Rand
	folders map[string]*folder
	locked  map[string]bool
	life    int            // handles of an earlier one are dead
	steps   int            // changes until the process is killed; below 0: never
	ignore  string         // the sync that is left out, as sites names it
	sites   map[string]int // how often each sync was called
	syncs   int
	fault   fault // strikes once
	struck  bool
}

// fault is what goes wrong once, at an operation.
type fault struct {
	op    string // create, write, sync, folder, rename, remove
	skip  int    // after so many of them
	short bool   // a write that writes less and says nothing
}

var (
	errKilled = errors.New("the process was killed")
	errDisk   = errors.New("input/output error")
)

type folder struct {
	now, durable map[string]*inode
	unsynced     []nameChange
}

// nameChange is atomic: nil stands for a name that is gone.
type nameChange map[string]*inode

func (c nameChange) apply(names map[string]*inode) {
	for name, node := range c {
		if names[name] = node; node == nil {
			delete(names, name)
		}
	}
}

type inode struct {
	now, durable []byte
	dirty        map[int]bool // sectors that a sync would write
}

func newFaultFS(seed uint64) *faultFS {
	return &faultFS{
		chance: rand.New(rand.NewPCG(seed, 1)), steps: -1, sites: map[string]int{}, locked: map[string]bool{},
		folders: map[string]*folder{"/": {now: map[string]*inode{}, durable: map[string]*inode{}}},
	}
}

// kill ends the process, and leaves what the system holds in memory.
func (f *faultFS) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}

func (f *faultFS) end() {
	f.life++
	f.steps = -1
	clear(f.locked)
	f.fault, f.struck = fault{}, false
}

// lose cuts the power.
func (f *faultFS) lose() {
	f.mu.Lock() // a journal may still be laying out its next segment
	defer f.mu.Unlock()
	f.end()
	how := f.chance.IntN(4) // nothing survives, all, a part in order, any part
	keep := func(i, n int) bool {
		switch how {
		case 2:
			return i < n/2
		case 3:
			return f.chance.IntN(2) == 0
		default:
			return how == 1
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.folders)) {
		d := f.folders[name]
		for i, c := range d.unsynced {
			if keep(i, len(d.unsynced)) {
				c.apply(d.durable)
			}
		}
		d.now, d.unsynced = maps.Clone(d.durable), nil
		for _, file := range slices.Sorted(maps.Keys(d.now)) {
			d.now[file].lose(keep)
		}
	}
	for name := range f.folders {
		if _, ok := f.folders["/"].now[path.Base(name)]; name != "/" && !ok {
			delete(f.folders, name)
		}
	}
}

func (n *inode) lose(keep func(i, n int) bool) {
	sectors := slices.Sorted(maps.Keys(n.dirty))
	for i, s := range sectors {
		if keep(i, len(sectors)) {
			n.settle(s)
		}
	}
	n.now, n.dirty = slices.Clone(n.durable), map[int]bool{}
}

// settle makes a sector durable.
func (n *inode) settle(s int) {
	end := min((s+1)*sector, len(n.now))
	if len(n.durable) < end {
		n.durable = append(n.durable, make([]byte, end-len(n.durable))...)
	}
	copy(n.durable[s*sector:end], n.now[s*sector:end])
}

// enter counts an operation, and says whether it fails.
func (f *faultFS) enter(life int, op string) error {
	if f.steps == 0 || life != f.life {
		return errKilled
	}
	if f.steps > 0 {
		f.steps--
	}
	if f.fault.op != op || f.struck {
		return nil
	}
	if f.fault.skip--; f.fault.skip >= 0 {
		return nil
	}
	f.struck = true
	return errDisk
}

// site names the sync that is being called by the functions that led to it.
func site() string {
	var pc [32]uintptr
	frames := runtime.CallersFrames(pc[:runtime.Callers(4, pc[:])])
	var chain []string
	for {
		frame, more := frames.Next()
		name, ours := strings.CutPrefix(frame.Function, "dyno/internal/journal.")
		if !ours || strings.HasSuffix(frame.File, "_test.go") {
			return strings.Join(chain, " < ")
		}
		chain = append(chain, name)
		if !more {
			return strings.Join(chain, " < ")
		}
	}
}

// sync says whether a sync is to be done.
func (f *faultFS) sync(life int, op string) (bool, error) {
	f.syncs++
	if err := f.enter(life, op); err != nil {
		return false, err
	}
	s := op + " by " + site()
	f.sites[s]++
	return s != f.ignore, nil
}

func (f *faultFS) change(dir string, c nameChange) {
	d := f.folders[dir]
	c.apply(d.now)
	d.unsynced = append(d.unsynced, c)
}

func (f *faultFS) Mkdir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.folders[dir] != nil {
		return fs.ErrExist
	}
	if err := f.enter(f.life, "mkdir"); err != nil {
		return err
	}
	f.folders[dir] = &folder{now: map[string]*inode{}, durable: map[string]*inode{}}
	f.change("/", nameChange{path.Base(dir): &inode{}})
	return nil
}

type unlocker func()

func (u unlocker) Close() error { u(); return nil }

func (f *faultFS) Lock(dir string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked[dir] {
		return nil, ErrLocked
	}
	f.locked[dir] = true
	life := f.life
	return unlocker(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.life == life {
			delete(f.locked, dir)
		}
	}), nil
}

func (f *faultFS) List(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.folders[dir] == nil {
		return nil, fs.ErrNotExist
	}
	return slices.Collect(maps.Keys(f.folders[dir].now)), nil
}

func (f *faultFS) Create(name string, size int64) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.folders[filepath.Dir(name)].now[filepath.Base(name)] != nil {
		return nil, fs.ErrExist
	}
	if err := f.enter(f.life, "create"); err != nil {
		return nil, err
	}
	n := &inode{now: make([]byte, size), dirty: map[int]bool{}}
	for s := range (size + sector - 1) / sector {
		n.dirty[int(s)] = true
	}
	f.change(filepath.Dir(name), nameChange{filepath.Base(name): n})
	return &faultFile{fs: f, inode: n, life: f.life, write: true}, nil
}

func (f *faultFS) Open(name string, write bool) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.folders[filepath.Dir(name)].now[filepath.Base(name)]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return &faultFile{fs: f, inode: n, life: f.life, write: write}, nil
}

func (f *faultFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(f.life, "rename"); err != nil {
		return err
	}
	dir := filepath.Dir(from)
	f.change(dir, nameChange{filepath.Base(from): nil, filepath.Base(to): f.folders[dir].now[filepath.Base(from)]})
	return nil
}

func (f *faultFS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(f.life, "remove"); err != nil {
		return err
	}
	f.change(filepath.Dir(name), nameChange{filepath.Base(name): nil})
	return nil
}

func (f *faultFS) SyncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	ok, err := f.sync(f.life, "folder")
	if d := f.folders[dir]; ok && err == nil {
		d.durable, d.unsynced = maps.Clone(d.now), nil
	}
	return err
}

// faultFile is a handle.
type faultFile struct {
	fs    *faultFS
	inode *inode
	life  int
	write bool
}

func (f *faultFile) ReadAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if len(b) == 0 {
		return 0, nil
	}
	n := 0
	if at < int64(len(f.inode.now)) {
		n = copy(b, f.inode.now[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *faultFile) WriteAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.write || len(b) == 0 {
		return 0, fs.ErrInvalid
	}
	err := f.fs.enter(f.life, "write")
	if err == errKilled && f.life != f.fs.life {
		return 0, err
	}
	if err != nil { // a part of it, to the end of a sector
		first, last := int(at)/sector, (int(at)+len(b)-1)/sector
		b = b[:max((first+f.fs.chance.IntN(last-first+1))*sector-int(at), 0)]
	}
	if err == errKilled {
		f.fs.life++
	} else if f.fs.fault.short {
		err = nil
	}
	n := f.inode
	if end := int(at) + len(b); end > len(n.now) {
		n.now = append(n.now, make([]byte, end-len(n.now))...)
	}
	copy(n.now[at:], b)
	for s := int(at) / sector; len(b) > 0 && s <= (int(at)+len(b)-1)/sector; s++ {
		n.dirty[s] = true
	}
	return len(b), err
}

func (f *faultFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.inode.now)), nil
}

// Sync makes dirty sectors durable. One that fails makes them clean all the
// same, as Linux does, and the next one knows nothing of them.
func (f *faultFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	ok, err := f.fs.sync(f.life, "sync")
	if err == errKilled || (!ok && err == nil) {
		return err
	}
	for s := range f.inode.dirty {
		if err == nil {
			f.inode.settle(s)
		}
	}
	clear(f.inode.dirty)
	return err
}

func (f *faultFile) Close() error { return nil }
