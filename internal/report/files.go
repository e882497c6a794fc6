package report

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"dyno/internal/atomicfile"
)

// generated are the patterns of generated files: what matches one and is not
// among the files is left over from earlier results.
var generated = []struct{ folder, ending string }{{"plots", ".png"}, {"results", ".txt"}}

// Write puts the files below a folder, each whole or not at all, and removes
// plots that a stored experiment no longer has. Files that are already right
// are left alone, and so is what bears no stored experiment's name: it may be
// somebody's own (Stale names it).
func Write(dir string, files Files) error {
	var all errgroup.Group
	all.SetLimit(8) // most of writing a file is waiting until the disk has it
	for path, content := range files {
		all.Go(func() error {
			full := filepath.Join(dir, filepath.FromSlash(path))
			if old, err := os.ReadFile(full); err == nil && bytes.Equal(old, content) {
				return nil
			}
			return replace(full, content)
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	for _, path := range extra(dir, files) {
		if !files.outdated(path) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			return err
		}
	}
	return nil
}

// outdated reports whether a path is that of a plot of one of the experiments
// among the files.
func (f Files) outdated(path string) bool {
	for known := range f {
		name, ok := strings.CutPrefix(known, "results/")
		name, txt := strings.CutSuffix(name, ".txt")
		if ok && txt && strings.HasPrefix(path, plotPath(name, "")[:len("plots/")+len(name)+1]) {
			return true
		}
	}
	return false
}

// replace writes a file, in a folder that may have to be made.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, content)
}

// Stale compares what lies below a folder with what should: one line for each
// file that differs, is missing, or does not belong there.
func Stale(dir string, files Files) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		old, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			out = append(out, path+": is missing")
		case err != nil:
			out = append(out, path+": "+err.Error())
		case !bytes.Equal(old, files[path]):
			out = append(out, path+": differs")
		}
	}
	for _, path := range extra(dir, files) {
		out = append(out, path+": belongs to no result; remove it, or keep it elsewhere")
	}
	return out
}

// extra lists files that match a pattern of generated ones and are not among
// them.
func extra(dir string, files Files) []string {
	var out []string
	for _, g := range generated {
		entries, err := os.ReadDir(filepath.Join(dir, g.folder))
		if err != nil {
			continue // no folder, nothing in it
		}
		for _, e := range entries {
			path := g.folder + "/" + e.Name()
			if _, known := files[path]; !known && e.Type().IsRegular() && filepath.Ext(path) == g.ending {
				out = append(out, path)
			}
		}
	}
	return out
}
