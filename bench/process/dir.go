package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CutFile lists what was left out of the folders that a trial left behind, in
// the folder of its logs.
const CutFile = "CUT.txt"

// Dir implements [systems.Bench]: the folder lies beside the logs.
func (g *Group) Dir(name string) (string, error) {
	if !fileName().MatchString(name) || strings.HasSuffix(name, ".log") || name == CutFile {
		return "", fmt.Errorf("a folder of the trial cannot be called %q: use letters, digits, dots and hyphens, and no ending .log", name)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if path, ok := g.dirs[name]; ok {
		return path, nil
	}
	if g.ctx.Err() != nil {
		return "", fmt.Errorf("folder %s: %w", name, contextError(g.ctx))
	}
	path := filepath.Join(g.opts.Dir, name)
	if err := errors.Join(os.RemoveAll(path), os.MkdirAll(path, 0o755)); err != nil {
		return "", fmt.Errorf("folder %s of the trial: %w", name, err)
	}
	g.dirs[name] = path
	return path, nil
}

// kept is a file in a folder of the trial.
type kept struct {
	path string
	size int64
}

// trim cuts the ends of the largest files in the folders of the trial, until
// all of them together are as small as the group may leave behind.
func (g *Group) trim() error {
	var files []kept
	for _, dir := range g.dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				files = append(files, kept{path, info.Size()})
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the trial may have removed what it made
			return fmt.Errorf("folders of the trial: %w", err)
		}
	}
	bound := ceiling(files, g.opts.Keep)
	var report strings.Builder
	for _, f := range files {
		if f.size <= bound {
			continue
		}
		if err := os.Truncate(f.path, bound); err != nil {
			return fmt.Errorf("folders of the trial: %w", err)
		}
		name, _ := filepath.Rel(g.opts.Dir, f.path)
		fmt.Fprintf(&report, "%s: the first %d of %d bytes are kept\n", name, bound, f.size)
	}
	if report.Len() == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(g.opts.Dir, CutFile), []byte(report.String()), 0o644)
}

// ceiling is the size to which larger files are cut so that all together take
// up at most total bytes.
func ceiling(files []kept, total int64) int64 {
	slices.SortFunc(files, func(a, b kept) int { return strings.Compare(a.path, b.path) })
	sizes := make([]int64, len(files))
	for i, f := range files {
		sizes[i] = f.size
	}
	slices.Sort(sizes)
	for i, size := range sizes {
		if share := total / int64(len(sizes)-i); size > share {
			return share
		}
		total -= size
	}
	return 1 << 62 // all of them fit
}
