package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	agentv1 "dyno/proto/agent/v1"
)

// copies says which files here are the same on the machine: those that have not
// changed since they were copied, either way.
type copies struct {
	mu   sync.Mutex
	seen map[string]version
}

// inFolder is a path below a folder, within a word of a command line.
var inFolder = regexp.MustCompile(`^(?:/[A-Za-z0-9._-]+)+`)

// named are the paths below the trial's folder that a command line names.
func (t *Trial) named(args []string) (out []string) {
	for _, a := range args {
		for {
			_, rest, ok := strings.Cut(a, t.opts.Dir)
			if !ok {
				break
			}
			if p := strings.TrimPrefix(inFolder.FindString(rest), "/"); filepath.IsLocal(p) && !slices.Contains(out, p) {
				out = append(out, p)
			}
			a = rest
		}
	}
	return out
}

// Publish copies what the trial has written below paths of its folder since it was
// copied last, if any of it is on the machine at all.
func (t *Trial) Publish(ctx context.Context, paths []string) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	below, err := t.below(paths)
	if err != nil {
		return err
	}
	return t.push(ctx, below, false)
}

// Fetch copies what roles on the machine have written below paths of the trial's
// folder since it was copied last.
func (t *Trial) Fetch(ctx context.Context, paths []string) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	below, err := t.below(paths)
	if err != nil {
		return err
	}
	return t.pull(ctx, below)
}

// below are paths as they lie in the trial's folder.
func (t *Trial) below(paths []string) (out []string, err error) {
	for _, p := range paths {
		name, err := filepath.Rel(t.opts.Dir, p)
		if err != nil || !filepath.IsLocal(name) {
			return nil, fmt.Errorf("%s is not in a folder of the trial", p)
		}
		out = append(out, filepath.ToSlash(name))
	}
	return out, nil
}

// push copies to the machine what is not there yet. Where parents are wanted, the
// folders are made in which paths lie.
func (t *Trial) push(ctx context.Context, paths []string, parents bool) error {
	if len(paths) == 0 {
		return nil
	}
	t.copies.mu.Lock()
	defer t.copies.mu.Unlock()
	root, err := os.OpenRoot(t.opts.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := list(root, paths)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f *agentv1.File) bool { v, ok := t.copies.seen[f.GetPath()]; return ok && v == versionOf(f) })
	for _, p := range paths {
		if dir := path.Dir(p); parents && dir != "." {
			files = append(files, &agentv1.File{Path: dir, Folder: true, Mode: 0o755})
		}
	}
	if len(files) == 0 {
		return nil
	}
	stream, err := t.link.client.PutFiles(ctx)
	for _, f := range files {
		if err != nil {
			break
		}
		err = send(root, f, func(first bool, data []byte) error {
			part := &agentv1.PutFilesRequest{Trial: t.id, Data: data}
			if first {
				part.File = f
			}
			return stream.Send(part)
		})
	}
	if err == nil || errors.Is(err, io.EOF) { // the answer says why
		_, err = stream.CloseAndRecv()
	}
	if err != nil {
		return fmt.Errorf("copying the trial's folders to machine %s: %w", t.machine.Name, t.fault(err))
	}
	for _, f := range files {
		t.copies.seen[f.GetPath()] = versionOf(f)
	}
	return nil
}

// pull copies from the machine what has changed there, and removes what is gone.
func (t *Trial) pull(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	t.copies.mu.Lock()
	defer t.copies.mu.Unlock()
	req := &agentv1.GetFilesRequest{Trial: t.id, Paths: paths}
	gone := make(map[string]bool)
	for name, v := range t.copies.seen {
		if slices.ContainsFunc(paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") }) {
			req.Known = append(req.Known, &agentv1.File{Path: name, Size: v.size, ModifiedUnixNs: v.modified})
			gone[name] = true
		}
	}
	root, err := os.OpenRoot(t.opts.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	stream, err := t.link.client.GetFiles(ctx, req)
	w := &writer{root: root}
	defer w.abandon()
	for err == nil {
		var part *agentv1.GetFilesResponse
		if part, err = stream.Recv(); err != nil {
			break
		}
		if f := part.GetFile(); f != nil {
			delete(gone, f.GetPath())
			if part.GetSame() {
				continue
			}
			if err = w.begin(f); err == nil {
				t.copies.seen[f.GetPath()] = versionOf(f)
			}
		}
		if err == nil {
			err = w.write(part.GetData())
		}
	}
	if errors.Is(err, io.EOF) {
		err = w.end()
	}
	if err != nil {
		delete(t.copies.seen, w.file.GetPath()) // of which not all has come
		return fmt.Errorf("copying the trial's folders from machine %s: %w", t.machine.Name, t.fault(err))
	}
	for name := range gone {
		delete(t.copies.seen, name)
		_ = root.RemoveAll(filepath.FromSlash(name)) // it may never have been here
	}
	return nil
}
