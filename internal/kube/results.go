package kube

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// doneFile is the last entry of an archive of results: what came before is whole.
// It holds the run's exit code.
const doneFile = "run.done"

// MarkDone leaves in a run's output folder that it is over.
func MarkDone(out string, code int) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, doneFile), []byte(strconv.Itoa(code)+"\n"), 0o644)
}

// Done reads what [MarkDone] left; nothing yet: false.
func Done(out string) (code int, done bool) {
	text, err := os.ReadFile(filepath.Join(out, doneFile))
	if err != nil {
		return 0, false
	}
	code, err = parseCode(text)
	return code, err == nil
}

func parseCode(text []byte) (int, error) {
	var code int
	_, err := fmt.Sscanf(string(text), "%d\n", &code)
	return code, err
}

// Pack writes the files of an output folder as a tar archive; that the run is over
// comes last, if it is.
func Pack(w io.Writer, out string) error {
	code, done := Done(out) // before the files: what is added later is left out, not torn
	t := tar.NewWriter(w)
	err := packAll(t, out, func(string) bool { return true })
	if err == nil && done {
		err = packDone(t, code)
	}
	return errors.Join(err, t.Close())
}

// packAgain is an archive of what a later run needs of an earlier one's folder, which
// is whole; nil: there is nothing.
func packAgain(out string) ([]byte, error) {
	results := filepath.Join(out, "results")
	if there, _ := os.ReadDir(results); !slices.ContainsFunc(there, fs.DirEntry.IsDir) {
		return nil, nil
	}
	var archive bytes.Buffer
	t := tar.NewWriter(&archive)
	raw := filepath.Join(results, "raw") // of trials that are over
	err := packAll(t, out, func(dir string) bool { return dir == out || strings.HasPrefix(dir, results) && dir != raw })
	err = errors.Join(err, packDone(t, 0), t.Close())
	return archive.Bytes(), err
}

// packAll adds the files of a folder, and of those below that are to be kept.
func packAll(t *tar.Writer, out string, keep func(dir string) bool) error {
	return filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && d.IsDir() && !keep(path):
			return fs.SkipDir
		case err != nil || !d.Type().IsRegular() || d.Name() == doneFile || strings.HasPrefix(d.Name(), "."): // a lock
			return err
		}
		return packFile(t, out, path)
	})
}

// packDone ends an archive that is whole.
func packDone(t *tar.Writer, code int) error { return packText(t, doneFile, fmt.Appendln(nil, code)) }

func packText(t *tar.Writer, name string, text []byte) error {
	err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o600})
	if err == nil {
		_, err = t.Write(text)
	}
	return err
}

func packFile(t *tar.Writer, out, path string) error {
	name, err := filepath.Rel(out, path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(name), Size: info.Size(), Mode: 0o644, ModTime: info.ModTime()}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, info.Size()) // of a file that grows, what there was
	return err
}

// Unpack writes an archive of results into a folder, and nowhere else, and returns
// the run's exit code. An archive without it is not whole.
func Unpack(r io.Reader, out string) (code int, err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(out)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return 0, errors.New("the results are not whole: the run's exit code is not among them")
		case err != nil:
			return 0, fmt.Errorf("results: %w", err)
		case h.Name == doneFile:
			text, err := io.ReadAll(io.LimitReader(t, 16))
			if err != nil {
				return 0, err
			}
			_, _ = io.Copy(io.Discard, r) // else the sender meets a closed pipe
			return parseCode(text)
		}
		if err := unpackFile(root, h, t); err != nil {
			return 0, fmt.Errorf("results: %s: %w", h.Name, err)
		}
	}
}

// unpackFile replaces a file once the new one is whole: what an earlier run has
// measured is not lost with a connection that breaks.
func unpackFile(root *os.Root, h *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(h.Name), ".part-"+filepath.Base(h.Name))
	f, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, h.FileInfo().Mode().Perm()&0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(part, h.Name)
	}
	if err != nil {
		_ = root.Remove(part) // that it stays is of less account
	}
	return err
}
